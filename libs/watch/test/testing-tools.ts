import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RelPath, Side } from '@lazysync/event-model';
import type { Hint, HintListener, Lost } from '../src/hint.ts';
import type { Timers } from '../src/settle.ts';

export const p = (text: string): RelPath => text as RelPath;

/** Polls until `holds` gives something true; fails after `ms`. */
export async function until<T>(holds: () => T, what: string, ms = 60_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const got = holds();
    if (got) return got;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export interface Folder {
  readonly path: string;
  remove(): void;
}

export function temporaryFolder(name = 'watch'): Folder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `lazysync-${name}-`)));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Gathers all that a source tells. */
export class Ears implements HintListener {
  readonly hints: Hint[] = [];
  readonly lost: Lost[] = [];
  readonly opened: RelPath[] = [];
  readonly writing: string[] = [];
  readonly listings: string[] = [];
  readonly moves: string[] = [];

  onHint(hint: Hint): void {
    this.hints.push(hint);
  }
  onLost(lost: Lost): void {
    this.lost.push(lost);
  }
  onOpen(path: RelPath): void {
    this.opened.push(path);
  }
  onWriting(path: RelPath, writing: boolean): void {
    this.writing.push(`${path} ${writing ? 'written' : 'closed'}`);
  }
  onListing(path: RelPath, open: boolean): void {
    this.listings.push(`${path} ${open ? 'opened' : 'closed'}`);
  }
  onMoved(from: RelPath, to: RelPath): void {
    this.moves.push(`${from} -> ${to}`);
  }

  clear(): void {
    for (const list of [this.hints, this.lost, this.opened, this.writing, this.listings, this.moves]) list.length = 0;
  }
  /** The last thing told of each path. */
  last(): Map<string, string> {
    return new Map(this.hints.map((hint) => [hint.path, hint.kind]));
  }
  has(path: string): boolean {
    return this.hints.some((hint) => hint.path === path);
  }
}

/** Time that moves only when a test says so. */
export class FakeTimers implements Timers {
  #now = 0;
  readonly #calls = new Set<{ readonly at: number; readonly call: () => void }>();

  now(): number {
    return this.#now;
  }
  after(ms: number, call: () => void): { cancel(): void } {
    const one = { at: this.#now + Math.max(ms, 0), call };
    this.#calls.add(one);
    return { cancel: () => void this.#calls.delete(one) };
  }
  get pending(): number {
    return this.#calls.size;
  }
  /** The process was busy for so long: what is due comes late, at the next `advance`. */
  skip(ms: number): void {
    this.#now += ms;
  }
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: { readonly at: number; readonly call: () => void } | undefined;
      for (const one of this.#calls) if (one.at <= end && (next === undefined || one.at < next.at)) next = one;
      if (next === undefined) break;
      this.#calls.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.call();
    }
    this.#now = end;
  }
}

export const hintOf = (side: Side, path: string, kind: Hint['kind'], seen = true): Hint => ({
  side,
  path: p(path),
  kind,
  seen,
});
