/**
 * Walks the remote of a first mirror ahead of the worker, which is still being loaded, and writes what it lists to its
 * stdout. It only reads, and ends with whoever started it or reads from it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { anchorOf, joinPath, type RelPath, ROOT } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
import { createDiskReplica, type Listing } from '@lazysync/replica';
import { frameOf } from './head-start.ts';
import { IGNORE_FILE } from './ignore-rules.ts';
import { createListAhead } from './list-ahead.ts';

/**
 * Folders in flight. sshfs answers ten at a time: with two more there is always one that it can take up, and the calls by
 * which the pair is being prepared beside it do not wait behind many.
 */
const CALLS = 12;
const FOLDERS_AT_ONCE = 16;
const STDOUT = 1;

const writeTo = promisify(fs.write);

/** Not `exit`: that would wait for threads that hang in the mount. */
function end(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('it should have ended');
}

/** Of a folder that may have to be made still. */
function realFolder(folder: string): string {
  try {
    return fs.realpathSync(folder);
  } catch {
    return path.join(fs.realpathSync(path.dirname(folder)), path.basename(folder));
  }
}

/** Through the thread pool: whoever reads it may come late. */
async function tell(value: Parameters<typeof frameOf>[0]): Promise<void> {
  const frame = frameOf(value);
  for (let at = 0; at < frame.length; ) at += (await writeTo(STDOUT, frame, at, frame.length - at)).bytesWritten;
}

function foldersIn(listing: Listing): RelPath[] {
  if (listing.kind !== 'listing') return [];
  return listing.names
    .filter(({ entry }) => entry.kind === 'directory')
    .map(({ name }) => joinPath(listing.path, name));
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { remote: { type: 'string' }, local: { type: 'string' } } });
  const remoteRoot = fs.realpathSync(values.remote ?? '');
  const localRoot = realFolder(values.local ?? '');
  const anchors = [anchorOf(localRoot)];
  const replica = createDiskReplica({
    side: 'remote',
    localRoot,
    remoteRoot,
    anchors: () => anchors,
    clock: systemClock,
  });
  const ahead = createListAhead({
    replica,
    ignored: () => false,
    batch: 1,
    calls: CALLS,
  });
  await tell({ remoteRoot, anchors });
  const level: RelPath[] = [ROOT];
  while (level.length > 0) {
    for (const listing of await ahead.take(level.splice(0, FOLDERS_AT_ONCE))) {
      // What is not to be synced is known to the worker alone.
      if (listing.path === ROOT && listing.kind === 'listing' && listing.names.some(({ name }) => name === IGNORE_FILE))
        return;
      await tell(listing);
      level.push(...foldersIn(listing));
    }
  }
}

process.on('disconnect', end);
// Nobody reads any more, or the mount is gone: the worker goes on by itself.
await main().catch(() => undefined);
end();
