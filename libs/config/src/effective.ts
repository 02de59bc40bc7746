/** What the processes of a start work with: everything validated, every default filled in. Written by the CLI. */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from '@lazysync/ops';
import { z } from 'zod';
import { isPairId, type PairSettings, settingsSchema } from './schema.ts';

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

const absolute = z.string().refine((text) => path.isAbsolute(text), { error: 'must be an absolute path' });

const effectiveSchema = z.object({
  v: z.literal(1),
  boot: z.string().regex(/^[a-z0-9-]{1,64}$/),
  state: absolute,
  redis: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('url'), url: z.string().min(1) }),
    z.object({ kind: z.literal('socket'), path: absolute }),
  ]),
  port: z.int().min(1).max(65_535).optional(),
  pairs: z.array(
    z.object({
      id: z.string().refine(isPairId),
      local: absolute,
      remote: absolute,
      state: absolute,
      settings: settingsSchema,
    }),
  ),
  unseen: z.array(z.string()).optional(),
});

/** Durations are numbers of ms here, and no limit is the word: both are what the schema reads again. */
function encode(config: EffectiveConfig): string {
  const ms = (value: number): string => `${value}ms`;
  const pairs = config.pairs.map(({ settings, ...pair }) => ({
    ...pair,
    settings: {
      ...settings,
      hydrate: { ...settings.hydrate, again: ms(settings.hydrate.again) },
      settle: ms(settings.settle),
      scan: { remote: settings.scan.remote === 'auto' ? 'auto' : ms(settings.scan.remote) },
      trash: { ...settings.trash, keep: ms(settings.trash.keep) },
    },
  }));
  const unlimited = (_key: string, value: unknown): unknown => (value === Infinity ? 'Infinity' : value);
  return `${JSON.stringify({ ...config, pairs }, unlimited, 2)}\n`;
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
    raw = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    const why = errnoOf(error) ?? 'it is no JSON';
    throw new Error(`The configuration ${file} can not be read: ${why}.`, { cause: error });
  }
  const parsed = effectiveSchema.safeParse(raw);
  if (!parsed.success) {
    const first = parsed.error.issues[0];
    const where = first === undefined ? '' : ` ${first.path.map(String).join('.')}: ${first.message}`;
    throw new Error(`The configuration ${file} is not one of this version:${where}`);
  }
  const { port, unseen, ...rest } = parsed.data;
  return { ...rest, ...(port === undefined ? {} : { port }), ...(unseen === undefined ? {} : { unseen }) };
}
