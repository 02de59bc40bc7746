/** A download that was broken off goes on from what is surely there, and never with anything else. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { relPath, type StagedPart } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDiskFs,
  type DiskFs,
  type FetchOutcome,
  FsError,
  type FsPort,
  fetchFile,
  type OpenFile,
  RemoteOffline,
} from '../src/index.ts';

const KIB = 1024;
const RANGE = 64 * KIB;
const STEPS = { range: RANGE, part: 2 * RANGE, settled: 3_000 };
const SIZE = 20 * RANGE + 77;
const OLD = new Date('2020-01-02T03:04:05Z');

let base: string;
let remote: DiskFs;
let local: DiskFs;
/** A disk that writes as fast as it is told to: a part is told as soon as its bytes have come. */
let quick: FsPort;
const file = (): string => `${base}/remote/f`;
const stage = (): string => `${base}/local/.lazysync/stage/s-1`;
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
/** Another content in each range, and some ranges of zeros. */
const content = Buffer.alloc(SIZE);
for (let at = 0; at < SIZE; at++) if (Math.floor(at / RANGE) % 4 !== 3) content[at] = (at * 31 + (at >> 9)) % 251;

beforeEach(() => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'resume-')));
  fs.mkdirSync(`${base}/remote`);
  fs.mkdirSync(`${base}/local/.lazysync/stage`, { recursive: true });
  remote = createDiskFs({ root: `${base}/remote`, mode: 'mount' });
  local = createDiskFs({ root: `${base}/local`, mode: 'local' });
  const unsynced = (opened: OpenFile): OpenFile => ({ ...opened, sync: () => Promise.resolve() });
  quick = {
    ...local,
    create: async (name, mode) => unsynced(await local.create(name, mode)),
    reopen: async (name) => unsynced(await local.reopen(name)),
  };
  fs.writeFileSync(file(), content);
  fs.utimesSync(file(), OLD, OLD);
});
afterEach(() => {
  remote.close();
  local.close();
  fs.rmSync(base, { recursive: true, force: true });
});

interface Tried {
  readonly outcome: FetchOutcome | RemoteOffline;
  /** Bytes that were asked of the remote. */
  readonly read: number;
  readonly parts: readonly StagedPart[];
}

interface TryOptions {
  readonly part?: StagedPart | null;
  /** Reads beyond this fail with `code`; `EOF`: they end there, as if the file were no longer. */
  readonly until?: number;
  readonly code?: string;
  readonly on?: FsPort;
}

async function attempt({
  part = null,
  until = Infinity,
  code = 'ENOTCONN',
  on = quick,
}: TryOptions = {}): Promise<Tried> {
  let read = 0;
  let done = part?.bytes ?? 0;
  const parts: StagedPart[] = [];
  const counted: FsPort = {
    ...remote,
    openRead: async (name) => {
      const opened = await remote.openRead(name);
      return {
        ...opened,
        read: async (into, at) => {
          if (at + into.length > until) {
            // What was read before is dealt with first.
            while (done + RANGE <= until) await new Promise((resolve) => setTimeout(resolve, 1));
            if (code === 'EOF') return 0;
            throw new FsError(code, 'read', name);
          }
          const got = await opened.read(into, at);
          read += got;
          return got;
        },
      };
    },
  };
  const outcome = await fetchFile(
    { path: relPath('f'), slot: 's-1', limit: null, part },
    {
      remote: counted,
      local: on,
      anchors: [],
      clock: systemClock,
      steps: STEPS,
      progress: (bytes, told) => {
        if (told === undefined) done = bytes;
        else parts.push(told);
      },
    },
  ).catch((error: unknown) => {
    if (error instanceof RemoteOffline) return error;
    throw error;
  });
  return { outcome, read, parts };
}

/** Broken off behind the middle; the last part that was told. */
async function brokenOff(options: TryOptions = {}): Promise<StagedPart> {
  const { outcome, parts } = await attempt({ until: 13 * RANGE, ...options });
  expect(outcome).toBeInstanceOf(RemoteOffline);
  const part = parts.at(-1);
  if (part === undefined) throw new Error('nothing was told');
  expect(part).toEqual({
    bytes: part.bytes,
    hash: sha(content.subarray(0, part.bytes)),
    size: SIZE,
    mtimeNs: BigInt(OLD.getTime()) * 1_000_000n,
  });
  expect(part.bytes).toBeGreaterThan(4 * RANGE);
  return part;
}

function expectWhole({ outcome }: Tried, bytes = content): void {
  expect(outcome).toMatchObject({ kind: 'staged', hash: sha(bytes), staged: { size: bytes.length } });
  expect(fs.readFileSync(stage()).equals(bytes)).toBe(true);
}

describe('a download that was broken off', () => {
  it('goes on from the part, in another process, too, and comes whole', async () => {
    const part = await brokenOff();
    const again = await attempt({ part });
    expect(again.read).toBe(SIZE - part.bytes);
    expectWhole(again);
    expect(again.outcome).toMatchObject({ remote: { mtimeNs: part.mtimeNs } });
    expect(fs.statSync(stage()).mtimeMs).toBe(OLD.getTime());
  });

  it('keeps its holes, at the end of a part, too', async () => {
    const zeros = Buffer.alloc(SIZE);
    zeros.write('at the end', SIZE - 20);
    fs.writeFileSync(file(), zeros);
    fs.utimesSync(file(), OLD, OLD);
    const { parts } = await attempt({ until: 13 * RANGE });
    const part = parts.at(-1) ?? null;
    expect(fs.statSync(stage()).size).toBeGreaterThanOrEqual(part?.bytes ?? Infinity);
    const again = await attempt({ part });
    expect(again.read).toBe(SIZE - (part?.bytes ?? 0));
    expectWhole(again, zeros);
    expect(fs.statSync(stage()).blocks * 512).toBeLessThan(2 * RANGE);
  });

  it('again and again gets on each time', async () => {
    let part: StagedPart | null = null;
    let read = 0;
    for (const until of [5, 9, 14, 18]) {
      const tried: Tried = await attempt({ part, until: until * RANGE });
      expect(tried.outcome).toBeInstanceOf(RemoteOffline);
      read += tried.read;
      part = tried.parts.at(-1) ?? part;
    }
    const last = await attempt({ part });
    expectWhole(last);
    // What came after the last part of each try was in vain.
    expect(read + last.read).toBeLessThan(SIZE + 4 * (STEPS.part + 3 * RANGE));
  });

  it('by an end that is none keeps the part: sshfs ends a file where its connection was reset', async () => {
    const { outcome, parts } = await attempt({ until: 9 * RANGE, code: 'EOF' });
    expect(outcome).toMatchObject({ kind: 'broken-off', problem: { code: 'unreadable', side: 'remote' } });
    const part = parts.at(-1) ?? null;
    expect(part?.bytes).toBeGreaterThan(4 * RANGE);
    const again = await attempt({ part });
    expect(again.read).toBe(SIZE - (part?.bytes ?? 0));
    expectWhole(again);
  });

  it.each(['EOF', 'EIO'])('before there is a part begins anew, later (%s)', async (code) => {
    const { outcome } = await attempt({ until: RANGE, code });
    expect(outcome).toMatchObject({ kind: 'broken-off', problem: { code: 'unreadable', side: 'remote' } });
    expect(fs.existsSync(stage())).toBe(false);
    expectWhole(await attempt({}));
  });

  it('by an error of the remote alone says so, and keeps the part', async () => {
    const { outcome, parts } = await attempt({ until: 9 * RANGE, code: 'EIO' });
    expect(outcome).toMatchObject({ kind: 'broken-off', problem: { code: 'unreadable', side: 'remote' } });
    const again = await attempt({ part: parts.at(-1) ?? null });
    expect(again.read).toBeLessThan(SIZE - 2 * RANGE);
    expectWhole(again);
    // When it can not even be opened, too.
    const part = await brokenOff();
    const closed = await fetchFile(
      { path: relPath('f'), slot: 's-1', limit: null, part },
      {
        remote: { ...remote, openRead: () => Promise.reject(new FsError('EIO', 'open', 'f')) },
        local,
        anchors: [],
        clock: systemClock,
      },
    );
    expect(closed).toMatchObject({ kind: 'broken-off' });
    expect((await attempt({ part })).read).toBe(SIZE - part.bytes);
  });

  it.each<[string, () => void]>([
    ['it was written anew', () => fs.writeFileSync(file(), Buffer.alloc(SIZE, 'n'))],
    ['only its time is another', () => fs.utimesSync(file(), OLD, new Date(OLD.getTime() + 1000))],
    [
      'it has grown, and shows the same time',
      () => {
        fs.appendFileSync(file(), 'more');
        fs.utimesSync(file(), OLD, OLD);
      },
    ],
  ])('begins anew where the remote has another version: %s', async (_what, change) => {
    const part = await brokenOff();
    change();
    const now = fs.readFileSync(file());
    const again = await attempt({ part });
    expect(again.read).toBe(now.length);
    expectWhole(again, now);
  });

  it.each<[string, (part: StagedPart) => void]>([
    ['it is gone', () => fs.unlinkSync(stage())],
    ['it is shorter', ({ bytes }) => fs.truncateSync(stage(), bytes - 1)],
    ['it is empty', () => fs.truncateSync(stage(), 0)],
    ['it is another file', () => fs.writeFileSync(stage(), Buffer.alloc(SIZE, 'foreign'))],
    ['it is a link', () => replaced(() => fs.symlinkSync(`${base}/remote/f`, stage()))],
    ['one byte of it is another', ({ bytes }) => poke(bytes - 1)],
    [
      'its last write was lost',
      ({ bytes }) => {
        fs.truncateSync(stage(), bytes - RANGE - 4096);
        fs.truncateSync(stage(), bytes);
      },
    ],
  ])('begins anew when the staged part is not what was told: %s', async (_what, spoil) => {
    const part = await brokenOff();
    spoil(part);
    const again = await attempt({ part });
    expect(again.read).toBe(SIZE);
    expectWhole(again);
    expect(fs.readFileSync(file()).equals(content)).toBe(true);
  });

  it('does not take over what lies behind the part', async () => {
    const part = await brokenOff();
    const fd = fs.openSync(stage(), 'r+');
    fs.writeSync(fd, Buffer.alloc(SIZE, 'garbage'), 0, SIZE - part.bytes + 1000, part.bytes);
    fs.closeSync(fd);
    const again = await attempt({ part });
    expect(again.read).toBe(SIZE - part.bytes);
    expectWhole(again);
  });
});

describe('a part', () => {
  it('is told only when it is on the disk', async () => {
    const syncs: (() => void)[] = [];
    const parts: StagedPart[] = [];
    const slow: FsPort = {
      ...local,
      create: async (name, mode) => {
        const created = await local.create(name, mode);
        return {
          ...created,
          sync: async () => {
            await new Promise<void>((resolve) => syncs.push(resolve));
            return created.sync();
          },
        };
      },
    };
    const fetching = fetchFile(
      { path: relPath('f'), slot: 's-1', limit: null },
      {
        remote,
        local: slow,
        anchors: [],
        clock: systemClock,
        steps: STEPS,
        progress: (bytes, part) => {
          if (part !== undefined) parts.push(part);
          // All has come, and nothing was told.
          else if (bytes === SIZE) {
            expect(parts).toEqual([]);
            expect(syncs).toHaveLength(1);
            syncs[0]?.();
          }
        },
      },
    );
    while (syncs.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(parts).toHaveLength(1);
    expect(parts[0]?.bytes).toBe(STEPS.part);
    syncs[1]?.();
    expect(await fetching).toMatchObject({ kind: 'staged', hash: sha(content) });
  });

  it('that can not be brought to the disk fails the download', async () => {
    const broken: FsPort = {
      ...local,
      create: async (name, mode) => ({
        ...(await local.create(name, mode)),
        sync: () => Promise.reject(new FsError('EIO', 'sync', name)),
      }),
    };
    const { outcome, parts } = await attempt({ on: broken });
    expect(outcome).toMatchObject({ kind: 'failed', problem: { side: 'local' } });
    expect(parts).toEqual([]);
    expect(fs.existsSync(stage())).toBe(false);
  });

  it('is not kept of a version that is so young that it may change and look the same', async () => {
    const now = new Date();
    fs.utimesSync(file(), now, now);
    const { outcome, parts } = await attempt({ until: 13 * RANGE });
    expect(outcome).toBeInstanceOf(RemoteOffline);
    expect(parts).toEqual([]);
    expect(fs.existsSync(stage())).toBe(false);
  });

  it('goes when the version went', async () => {
    const part = await brokenOff();
    fs.unlinkSync(file());
    expect((await attempt({ part })).outcome).toEqual({ kind: 'stale', saw: { kind: 'absent' } });
    expect(fs.existsSync(stage())).toBe(false);
  });
});

function replaced(make: () => void): void {
  fs.unlinkSync(stage());
  make();
}

function poke(at: number): void {
  const fd = fs.openSync(stage(), 'r+');
  const one = Buffer.alloc(1);
  fs.readSync(fd, one, 0, 1, at);
  one[0] = (one[0] ?? 0) ^ 1;
  fs.writeSync(fd, one, 0, 1, at);
  fs.closeSync(fd);
}
