/** What goes up keeps its holes, and comes whole also where holes can not be left. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ABSENT, anchorOf, relPath } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  createDiskFs,
  createReplica,
  type DiskFs,
  FsError,
  type FsPort,
  fileStat,
  type Replica,
} from '../src/index.ts';

const MIB = 1 << 20;
const SLOT = 'x-1';
let base: string;
let remoteFs: DiskFs;
let localFs: DiskFs;
const stage = (): string => `${base}/remote/.lazysync/stage/1/${SLOT}`;

beforeEach(() => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'holes-')));
  for (const side of ['local', 'remote']) fs.mkdirSync(`${base}/${side}/.lazysync/stage`, { recursive: true });
  remoteFs = createDiskFs({ root: `${base}/remote`, mode: 'mount' });
  localFs = createDiskFs({ root: `${base}/local`, mode: 'local' });
});
afterEach(() => {
  remoteFs.close();
  localFs.close();
  fs.rmSync(base, { recursive: true, force: true });
});

function replicaOn(port: FsPort): Replica {
  return createReplica({
    side: 'remote',
    fs: port,
    peer: localFs,
    anchors: () => [anchorOf(`${base}/local`)],
    clock: systemClock,
    parallel: 1,
    exact: false,
    root: { prepare: () => Promise.reject(new Error('not used')), check: async () => ({ kind: 'ok' }) },
    close: () => Promise.resolve(),
  });
}

/** `data` at some places of a file of `size` bytes. */
function sparse(size: number, data: Readonly<Record<number, string>>): Buffer {
  const fd = fs.openSync(`${base}/local/f`, 'w');
  fs.ftruncateSync(fd, size);
  for (const [at, text] of Object.entries(data)) fs.writeSync(fd, text, Number(at));
  fs.closeSync(fd);
  return fs.readFileSync(`${base}/local/f`);
}

async function staged(port: FsPort = remoteFs) {
  const source = fileStat(await localFs.lstat('f'));
  return replicaOn(port).stage({
    slot: SLOT,
    step: { kind: 'upload', side: 'remote', path: relPath('f'), source, expected: ABSENT },
  });
}

test.each<[string, number, Record<number, string>]>([
  ['at the begin', 8 * MIB, { [8 * MIB - 5]: 'ended' }],
  ['at the end', 8 * MIB + 123, { 0: 'begun' }],
  ['in the middle', 8 * MIB, { 0: 'begun', [5 * MIB + 17]: 'between', [8 * MIB - 1]: '.' }],
  ['everywhere', 8 * MIB + 1, {}],
])('a hole %s stays one', async (_where, size, data) => {
  const content = sparse(size, data);
  const outcome = await staged();
  const hash = createHash('sha256').update(content).digest('hex');
  expect(outcome).toMatchObject({ kind: 'staged', upload: { hash, stat: { size } } });
  expect(fs.readFileSync(stage()).equals(content)).toBe(true);
  expect(fs.statSync(stage()).blocks * 512).toBeLessThan(MIB);
});

test.each(['ESPIPE', 'EINVAL', 'EPERM'])('where only whole files can be written (%s), it comes whole', async (code) => {
  const content = sparse(3 * MIB, { [2 * MIB]: 'in the middle' });
  let end = 0;
  const inOrder: FsPort = {
    ...remoteFs,
    create: async (name, mode) => {
      const file = await remoteFs.create(name, mode);
      end = 0;
      return {
        ...file,
        write: async (bytes, at) => {
          if (at !== end) throw new FsError(code, 'write', name);
          end += bytes.length;
          await file.write(bytes, at);
        },
        truncate: () => Promise.reject(new FsError(code, 'truncate', name)),
      };
    },
  };
  expect(await staged(inOrder)).toMatchObject({ kind: 'staged', upload: { stat: { size: 3 * MIB } } });
  expect(fs.readFileSync(stage()).equals(content)).toBe(true);
});

test('a small file of zeros is written as it is', async () => {
  const content = sparse(1000, {});
  const refusing: FsPort = {
    ...remoteFs,
    create: async (name, mode) => ({
      ...(await remoteFs.create(name, mode)),
      truncate: () => Promise.reject(new Error('one round trip for nothing')),
    }),
  };
  expect(await staged(refusing)).toMatchObject({ kind: 'staged' });
  expect(fs.readFileSync(stage()).equals(content)).toBe(true);
});

test('an empty file that grows while it is read is not read byte by byte', async () => {
  sparse(0, {});
  const { openRead } = localFs;
  let reads = 0;
  Object.assign(localFs, {
    openRead: async (at: string) => {
      const file = await openRead(at);
      const read: typeof file.read = (into, from) => {
        if (reads++ === 0) fs.appendFileSync(`${base}/local/f`, Buffer.alloc(4 * MIB, 'grown'));
        return file.read(into, from);
      };
      return new Proxy(file, { get: (of, key) => (key === 'read' ? read : Reflect.get(of, key)) });
    },
  });
  // It is another version by then.
  expect(await staged()).toMatchObject({ kind: 'stale' });
  expect(reads).toBeLessThanOrEqual(70);
});
