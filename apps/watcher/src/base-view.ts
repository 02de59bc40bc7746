/** The pair's base as the watcher reads it: waits until the worker has made it, and follows when it is made anew. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { BaseDamaged, type BaseReader, openBaseReader } from '@lazysync/base';
import { type Anchors, anchorOf, joinPath, type RelPath } from '@lazysync/event-model';
import { errnoOf } from '@lazysync/ops';
import type { Probe } from '@lazysync/replica';

export interface BaseView {
  /** Today's reader. */
  reader(): BaseReader;
  close(): void;
}

export interface BaseViewOptions {
  /** The pair's folder in the state folder. */
  readonly state: string;
  readonly signal: AbortSignal;
  /** Called now and then while there is nothing to read yet. */
  readonly waiting: (why: string) => void;
}

/** ms; a worker that starts beside us has it in a moment. */
const POLL_AT_FIRST = 20;
const POLL = 250;
const SAY = 10_000;
/** How old the knowledge may be that the file is still the same, ms. */
const SAME_FOR = 1_000;

function inodeOf(file: string): bigint | null {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino ?? null;
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return null;
  }
}

/** A reader of a base that the worker has prepared, or why there is none yet. */
function tryOpen(file: string): BaseReader | string {
  if (inodeOf(file) === null) return 'the worker has not made the base yet';
  try {
    const reader = openBaseReader(file);
    if (reader.meta('uuid-remote') !== null && reader.meta('probe-remote') !== null) return reader;
    reader.close();
    return 'the worker has not prepared the folders yet';
  } catch (error) {
    // Half made at this moment, or damaged: the worker sets such a base aside.
    if (error instanceof BaseDamaged) return error.message;
    throw error;
  }
}

/** null: `signal` was aborted before the worker was ready. */
export async function openBaseView(options: BaseViewOptions): Promise<BaseView | null> {
  const { signal } = options;
  const file = join(options.state, 'base.db');
  const began = performance.now();
  let said = began;
  for (;;) {
    if (signal.aborted) return null;
    const got = tryOpen(file);
    if (typeof got !== 'string') return followBase(file, got);
    if (performance.now() - said > SAY) {
      said = performance.now();
      options.waiting(got);
    }
    await new Promise<void>((resolve) => {
      const waited = performance.now() - began;
      const timer = setTimeout(done, Math.min(POLL, Math.max(POLL_AT_FIRST, waited / 4)));
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
    });
  }
}

function followBase(file: string, first: BaseReader): BaseView {
  let reader = first;
  let inode = inodeOf(file);
  let checked = performance.now();
  return {
    reader() {
      if (performance.now() - checked < SAME_FOR) return reader;
      checked = performance.now();
      const now = inodeOf(file);
      if (now === null || now === inode) return reader;
      // The worker set a damaged base aside and began anew.
      const fresh = tryOpen(file);
      if (typeof fresh === 'string') return reader;
      reader.close();
      reader = fresh;
      inode = now;
      return reader;
    },
    close: () => reader.close(),
  };
}

export function anchorsIn(reader: BaseReader, local: string): Anchors {
  const today = anchorOf(local);
  const known: unknown = JSON.parse(reader.meta('anchors') ?? '[]');
  const others = Array.isArray(known) ? known.filter((one) => typeof one === 'string' && one !== today) : [];
  return [today, ...others];
}

/** What the worker found out of a side's file system. Where it did not, the careful answer. */
export function probeIn(
  reader: BaseReader,
  side: 'local' | 'remote',
): Pick<Probe, 'linkAtime' | 'seesAllChanges' | 'listingCacheMs'> {
  const raw: unknown = JSON.parse(reader.meta(`probe-${side}`) ?? '{}');
  const { linkAtime, seesAllChanges, listingCacheMs } = raw as Record<string, unknown>;
  return {
    linkAtime: linkAtime === true,
    seesAllChanges: seesAllChanges === true,
    listingCacheMs: typeof listingCacheMs === 'number' ? listingCacheMs : 0,
  };
}

/** Stubs directly in a local directory, as the base has them. */
export function stubsIn(reader: BaseReader, directory: RelPath): RelPath[] {
  return reader.stubs(directory).map((name) => joinPath(directory, name));
}
