/**
 * What the processes of a start work with: everything validated, every default filled in. Written by the CLI of the same
 * version, for them alone: it is not validated once more, which would take each process a tenth of a second.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { errnoOf } from '@lazysync/ops';
import type { PairSettings } from './schema.ts';

/** As in libs/queue: a URL, or the path of a unix socket. */
export type RedisPlace =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'socket'; readonly path: string };

export interface EffectivePair {
  readonly id: string;
  /** Real paths of the two roots. */
  readonly local: string;
  readonly remote: string;
  /** This pair's own folder in the state folder: base.db, lock. */
  readonly state: string;
  readonly settings: PairSettings;
}

export interface EffectiveConfig {
  readonly v: 1;
  /** Names this start: the worker writes it as `ready` when the start scan is carried out. [a-z0-9-] */
  readonly boot: string;
  /** The state folder. */
  readonly state: string;
  readonly redis: RedisPlace;
  /** Of the dashboard, where there is one. */
  readonly port?: number;
  readonly pairs: readonly EffectivePair[];
  /** Ids of pairs whose folders can not be seen from here: others serve them. */
  readonly unseen?: readonly string[];
}

/** JSON has no word for it. */
const UNLIMITED = { unlimited: true };

function encode(config: EffectiveConfig): string {
  const unlimited = (_key: string, value: unknown): unknown => (value === Infinity ? UNLIMITED : value);
  return `${JSON.stringify(config, unlimited, 2)}\n`;
}

function decode(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => (isDeepStrictEqual(value, UNLIMITED) ? Infinity : value));
}

/** The file is readable for its owner only (the Redis address may hold a password), and never half written. */
export function writeEffective(file: string, config: EffectiveConfig): void {
  const temp = `${file}.${process.pid}`;
  fs.rmSync(temp, { force: true });
  fs.writeFileSync(temp, encode(config), { mode: 0o600, flag: 'wx' });
  fs.renameSync(temp, file);
}

/** Of a process that is no part of an `up`. Replicas may share a state folder, and see different folders. */
export function effectiveFile(state: string, process: string, host: string): string {
  return path.join(state, `effective-${process}-${host.replaceAll(/[^A-Za-z0-9.-]/g, '_')}.json`);
}

/** Throws an error with one sentence: a process can not do without it. */
export function readEffective(file: string): EffectiveConfig {
  let raw: unknown;
  try {
    raw = decode(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    const why = errnoOf(error) ?? 'it is no JSON';
    throw new Error(`The configuration ${file} can not be read: ${why}.`, { cause: error });
  }
  const { v } = (raw ?? {}) as { readonly v?: unknown };
  if (v !== 1) throw new Error(`The configuration ${file} is not one of this version: v: must be 1.`);
  return raw as EffectiveConfig;
}
