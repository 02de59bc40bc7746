import { expect, test } from 'vitest';
import { decodeUnpack, encodeUnpack, relPath, type UnpackOutcome } from '../src/index.ts';

const FILE = { slot: '20260102t030405-abc123-7', size: 4, mode: 0o640, mtimeNs: 1_700_000_000_123_456_789n };

test.each<UnpackOutcome>([
  { kind: 'unpacked', folders: [relPath('d'), relPath('d/e')], files: [FILE, { ...FILE, mtimeNs: -1n }] },
  { kind: 'unpacked', folders: [], files: [] },
  { kind: 'gone' },
  { kind: 'refused', why: 'of a test' },
])('goes through JSON and comes back: %o', (outcome) => {
  expect(decodeUnpack(JSON.parse(JSON.stringify(encodeUnpack(outcome))))).toEqual(outcome);
});

test.each([
  null,
  'unpacked',
  {},
  { kind: 'unpacked' },
  { kind: 'refused' },
  { kind: 'unpacked', files: [] },
  { kind: 'unpacked', folders: ['../d'], files: [] },
  { kind: 'unpacked', folders: [], files: [null] },
  { kind: 'unpacked', folders: [], files: [{ ...FILE, mtimeNs: 'soon' }] },
  { kind: 'unpacked', folders: [], files: [{ ...FILE, mtimeNs: '1', size: 0.5 }] },
  { kind: 'unpacked', folders: [], files: [{ ...FILE, mtimeNs: '1', slot: 3 }] },
])('is not relied on: %o', (raw) => {
  expect(decodeUnpack(raw)).toBeNull();
});
