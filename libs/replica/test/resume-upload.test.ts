/** An upload that was broken off goes on from what is surely there, and never with anything else. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ABSENT, anchorOf, type FileStat, relPath, type StagedPart } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDiskFs,
  createReplica,
  type DiskFs,
  FsError,
  type FsPort,
  fileStat,
  type OpenFile,
  RemoteOffline,
  type StageOutcome,
} from '../src/index.ts';

const MIB = 1 << 20;
const PART = 2 * MIB;
const SIZE = 12 * MIB + 77;
const OLD = new Date('2020-01-02T03:04:05Z');
const SLOT = 's-1';

let base: string;
let remote: DiskFs;
let local: DiskFs;
let source: FileStat;
const file = (): string => `${base}/local/f`;
const stage = (): string => `${base}/remote/.lazysync/stage/1/${SLOT}`;
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const content = Buffer.alloc(SIZE);
for (let at = 0; at < SIZE; at++) content[at] = (at * 31 + (at >> 9)) % 251;

async function putSource(bytes: Buffer): Promise<void> {
  fs.writeFileSync(file(), bytes);
  fs.utimesSync(file(), OLD, OLD);
  source = fileStat(await local.lstat('f'));
}

beforeEach(async () => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'resume-up-')));
  for (const side of ['local', 'remote']) fs.mkdirSync(`${base}/${side}/.lazysync/stage`, { recursive: true });
  remote = createDiskFs({ root: `${base}/remote`, mode: 'mount' });
  local = createDiskFs({ root: `${base}/local`, mode: 'local' });
  await putSource(content);
});
afterEach(() => {
  remote.close();
  local.close();
  fs.rmSync(base, { recursive: true, force: true });
});

interface Tried {
  readonly outcome: StageOutcome | RemoteOffline;
  /** Bytes that were given to the remote. */
  readonly written: number;
  readonly parts: readonly StagedPart[];
}

interface TryOptions {
  readonly part?: StagedPart | null;
  /** Writes beyond this fail with `code`. */
  readonly until?: number;
  readonly code?: string;
}

async function attempt({ part = null, until = Infinity, code = 'ENOTCONN' }: TryOptions = {}): Promise<Tried> {
  let written = 0;
  const parts: StagedPart[] = [];
  const counted = (opened: OpenFile): OpenFile => ({
    ...opened,
    // A server that answers at once: a part is told as soon as its bytes are written.
    sync: () => Promise.resolve(),
    write: async (bytes, at) => {
      if (at + bytes.length > until) throw new FsError(code, 'write', 'f');
      await opened.write(bytes, at);
      written += bytes.length;
    },
  });
  const port: FsPort = {
    ...remote,
    create: async (name, mode) => counted(await remote.create(name, mode)),
    reopen: async (name) => counted(await remote.reopen(name)),
  };
  const replica = createReplica({
    side: 'remote',
    fs: port,
    peer: local,
    anchors: () => [anchorOf(`${base}/local`)],
    clock: systemClock,
    parallel: 1,
    exact: false,
    root: { prepare: () => Promise.reject(new Error('not used')), check: async () => ({ kind: 'ok' }) },
    steps: { range: MIB, part: PART, settled: 3_000 },
    progress: (_slot, _bytes, told) => {
      if (told !== undefined) parts.push(told);
    },
    close: () => Promise.resolve(),
  });
  const step = { kind: 'upload', side: 'remote', path: relPath('f'), source, expected: ABSENT } as const;
  const outcome = await replica.stage({ slot: SLOT, step, part }).catch((error: unknown) => {
    if (error instanceof RemoteOffline) return error;
    throw error;
  });
  return { outcome, written, parts };
}

/** Broken off behind the middle; the last part that was told. */
async function brokenOff(bytes = content): Promise<StagedPart> {
  const { outcome, parts } = await attempt({ until: 9 * MIB });
  expect(outcome).toBeInstanceOf(RemoteOffline);
  const part = parts.at(-1);
  if (part === undefined) throw new Error('nothing was told');
  const mtimeNs = BigInt(OLD.getTime()) * 1_000_000n;
  expect(part).toEqual({ bytes: part.bytes, hash: sha(bytes.subarray(0, part.bytes)), size: SIZE, mtimeNs });
  expect(part.bytes).toBeGreaterThan(4 * MIB);
  return part;
}

function expectWhole({ outcome }: Tried, bytes = content): void {
  expect(outcome).toMatchObject({ kind: 'staged', upload: { hash: sha(bytes), stat: { size: bytes.length } } });
  expect(fs.readFileSync(stage()).equals(bytes)).toBe(true);
}

describe('an upload that was broken off', () => {
  it('goes on from the part, and comes whole', async () => {
    const part = await brokenOff();
    const again = await attempt({ part });
    expect(again.written).toBe(SIZE - part.bytes);
    expectWhole(again);
    expect(fs.statSync(stage()).mtimeMs).toBe(OLD.getTime());
  });

  it('again and again gets on each time', async () => {
    let part: StagedPart | null = null;
    let written = 0;
    for (const until of [3, 6, 8, 11]) {
      const tried: Tried = await attempt({ part, until: until * MIB });
      expect(tried.outcome).toBeInstanceOf(RemoteOffline);
      written += tried.written;
      part = tried.parts.at(-1) ?? part;
    }
    const last = await attempt({ part });
    expectWhole(last);
    // What came after the last part of each try was in vain.
    expect(written + last.written).toBeLessThan(SIZE + 4 * PART);
  });

  it('by an error of the remote alone says so, and keeps the part', async () => {
    const { outcome, parts } = await attempt({ until: 9 * MIB, code: 'EIO' });
    expect(outcome).toMatchObject({ kind: 'broken-off', problem: { code: 'failed', side: 'remote' } });
    const again = await attempt({ part: parts.at(-1) ?? null });
    expect(again.written).toBeLessThan(SIZE - 4 * MIB);
    expectWhole(again);
  });

  it('does not keep a full disk full', async () => {
    const { outcome } = await attempt({ until: 9 * MIB, code: 'ENOSPC' });
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'no-space' } });
    expect(fs.existsSync(stage())).toBe(false);
  });

  it('keeps its holes', async () => {
    const sparse = Buffer.alloc(SIZE);
    for (const at of [MIB, 3 * MIB, 7 * MIB, SIZE - 9]) sparse.write('some text', at);
    await putSource(sparse);
    const { parts } = await attempt({ until: 9 * MIB });
    const again = await attempt({ part: parts.at(-1) ?? null });
    expectWhole(again, sparse);
    expect(fs.statSync(stage()).blocks * 512).toBeLessThan(4 * MIB);
  });

  it.each<[string, (bytes: Buffer<ArrayBuffer>) => Buffer<ArrayBuffer>]>([
    ['within what went up, with the same size and time', (bytes) => ((bytes[5] = 7), bytes)],
    ['behind it, with the same size and time', (bytes) => ((bytes[SIZE - 5] = 7), bytes)],
    ['altogether', () => Buffer.alloc(SIZE, 'n')],
    ['and is longer', (bytes) => Buffer.concat([bytes, bytes])],
    ['and is shorter', (bytes) => bytes.subarray(0, 5 * MIB)],
  ])('arrives as the source is now: it has changed %s', async (_what, change) => {
    const part = await brokenOff();
    const now = change(Buffer.from(content));
    await putSource(now);
    expectWhole(await attempt({ part }), now);
  });

  it.each<[string, (part: StagedPart) => void]>([
    ['it is gone', () => fs.unlinkSync(stage())],
    ['it is shorter', ({ bytes }) => fs.truncateSync(stage(), bytes - 1)],
    ['it is another file', () => fs.writeFileSync(stage(), Buffer.alloc(SIZE, 'foreign'))],
    ['one byte of it is another', ({ bytes }) => poke(bytes - 1)],
    [
      'its last write was lost',
      ({ bytes }) => {
        fs.truncateSync(stage(), bytes - MIB - 4096);
        fs.truncateSync(stage(), bytes);
      },
    ],
  ])('begins anew when the staged part is not what was told: %s', async (_what, spoil) => {
    const part = await brokenOff();
    spoil(part);
    const again = await attempt({ part });
    expect(again.written).toBe(SIZE);
    expectWhole(again);
  });

  it('does not take over what lies behind the part', async () => {
    const part = await brokenOff();
    const fd = fs.openSync(stage(), 'r+');
    fs.writeSync(fd, Buffer.alloc(SIZE, 'garbage'), 0, SIZE - part.bytes + 1000, part.bytes);
    fs.closeSync(fd);
    expectWhole(await attempt({ part }));
  });
});

function poke(at: number): void {
  const fd = fs.openSync(stage(), 'r+');
  const one = Buffer.alloc(1);
  fs.readSync(fd, one, 0, 1, at);
  one[0] = (one[0] ?? 0) ^ 1;
  fs.writeSync(fd, one, 0, 1, at);
  fs.closeSync(fd);
}
