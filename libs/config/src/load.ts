/** Reads lazysync.yaml. Every fault is one sentence that begins with file:line:column. */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from '@lazysync/ops';
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { fileSchema, type PairSettings } from './schema.ts';
import { expandHome } from './state-dir.ts';

export interface LoadedPair {
  readonly id: string | undefined;
  /** Absolute; `~` expanded, relative ones from the file's folder. */
  readonly remote: string;
  readonly local: string;
  readonly settings: PairSettings;
}

export type Loaded =
  | { readonly kind: 'loaded'; readonly redis: string | undefined; readonly pairs: readonly LoadedPair[] }
  | { readonly kind: 'refused'; readonly messages: readonly string[] };

const MAX_BYTES = 4 * 2 ** 20;

export function loadConfig(file: string): Loaded {
  let text: string;
  try {
    const { size } = fs.statSync(file);
    if (size > MAX_BYTES) return refused(`The configuration ${file} is larger than ${MAX_BYTES >> 20} MiB.`);
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    const why = code === 'ENOENT' ? 'it does not exist' : code === 'EISDIR' ? 'it is a folder' : code;
    return refused(`The configuration ${file} can not be read: ${why}.`);
  }
  return parseConfig(text, file);
}

export function parseConfig(text: string, file: string): Loaded {
  const lines = new LineCounter();
  const at = (offset: number | undefined): string => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${file}:${line}:${Math.max(1, col)}`;
  };
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return refused(...document.errors.map((error) => `${at(error.pos[0])}: ${oneSentence(error.message)}`));
  }
  const placeOf = (where: readonly PropertyKey[], key?: string): string => {
    for (let steps = where.length; steps >= 0; steps--) {
      const node = (steps === 0 ? document.contents : document.getIn(where.slice(0, steps), true)) as Node | undefined;
      if (node === undefined || node === null || typeof node !== 'object' || !('range' in node)) continue;
      const named = isMap(node) ? node.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
      const found = isScalar(named?.key) ? named.key : node;
      return at(found.range?.[0]);
    }
    return at(0);
  };
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return refused(`${at(0)}: ${oneSentence(error instanceof Error ? error.message : String(error))}`);
  }
  const parsed = fileSchema.safeParse(raw);
  if (!parsed.success) return refused(...parsed.error.issues.flatMap((issue) => sentencesOf(issue, placeOf)));
  const folder = path.dirname(path.resolve(file));
  const absolute = (name: string): string => path.resolve(folder, expandHome(name));
  const seen = new Map<string, number>();
  const faults: string[] = [];
  const pairs = parsed.data.pairs.map(({ id, remote, local, ...settings }, index): LoadedPair => {
    if (id !== undefined && seen.has(id))
      faults.push(
        `${placeOf(['pairs', index, 'id'])}: The id "${id}" is given to two pairs; every pair needs its own.`,
      );
    if (id !== undefined) seen.set(id, index);
    return { id, remote: absolute(remote), local: absolute(local), settings };
  });
  return faults.length > 0 ? refused(...faults) : { kind: 'loaded', redis: parsed.data.redis, pairs };
}

function refused(...messages: string[]): Loaded {
  return { kind: 'refused', messages };
}

function oneSentence(text: string): string {
  const line = text.split('\n')[0]?.trim() ?? '';
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

function sentencesOf(
  issue: z.core.$ZodIssue,
  placeOf: (where: readonly PropertyKey[], key?: string) => string,
): string[] {
  const name = issue.path.length === 0 ? 'The file' : nameOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) =>
        `${placeOf(issue.path, key)}: ${issue.path.length === 0 ? '' : `${name}: `}"${key}" is not a known setting.`,
    );
  }
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.flat().findLast((one) => one.message.startsWith('must'));
    return [
      `${placeOf(issue.path)}: ${name} ${inner?.message ?? issue.message.replace(/^Invalid input$/, 'is not usable')}.`,
    ];
  }
  return [`${placeOf(issue.path)}: ${name} ${issue.message}.`];
}

/** `pairs[0].hydrate.on`. */
function nameOf(where: readonly PropertyKey[]): string {
  return where.reduce<string>(
    (name, step) => (typeof step === 'number' ? `${name}[${step}]` : `${name}${name === '' ? '' : '.'}${String(step)}`),
    '',
  );
}
