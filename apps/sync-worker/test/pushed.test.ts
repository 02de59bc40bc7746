import { openBase } from '@lazysync/base';
import { type BaseRecord, type ChangeEvent, type Pushed, relPath, type SyncEvent } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createRepeats, isKnown, isStale } from '../src/pushed.ts';

const path = relPath('d/f');
const S = 1_000_000_000n;
const link = { dev: 1n, ino: 2n, birthNs: 3n };
const remote = { size: 4, mtimeNs: 7n * S, mode: 0o644 };
const stub: BaseRecord = { kind: 'file', form: 'stub', path, remote, link };
const folder: BaseRecord = { kind: 'directory', path, local: link, localMode: 0o755, remoteMode: 0o755 };
const push = (pushed: Pushed): ChangeEvent => ({ kind: 'modify', side: 'remote', path, seen: true, pushed });
const file = (size: number, mtimeNs: bigint, mode = 0o644): Pushed => ({
  kind: 'file',
  size,
  mtimeNs: `${mtimeNs}`,
  mode,
});
const knows = (row: BaseRecord | null, event: SyncEvent): boolean => isKnown(event, { get: () => row });

test('a push that says what the base says is no news; the mount may have kept whole seconds only', () => {
  expect(knows(stub, push(file(4, 7n * S)))).toBe(true);
  expect(knows(stub, push(file(4, 7n * S + 123n)))).toBe(true);
  expect(knows(stub, push(file(5, 7n * S)))).toBe(false);
  expect(knows(stub, push(file(4, 8n * S)))).toBe(false);
  expect(knows(stub, push(file(4, 7n * S, 0o600)))).toBe(false);
  expect(knows({ ...stub, remote: { ...remote, mtimeNs: 7n * S + 5n } }, push(file(4, 7n * S + 6n)))).toBe(false);
  expect(knows(null, push(file(4, 7n * S)))).toBe(false);
  expect(knows(folder, push({ kind: 'directory', mode: 0o755 }))).toBe(true);
  expect(knows(folder, push({ kind: 'directory', mode: 0o700 }))).toBe(false);
  expect(knows(null, push({ kind: 'absent' }))).toBe(true);
  expect(knows(stub, push({ kind: 'absent' }))).toBe(false);
  expect(knows(stub, push({ kind: 'other' }))).toBe(false);
  expect(knows(stub, { kind: 'modify', side: 'remote', path })).toBe(false);
});

test('a copy whose last write may look like another is looked at', () => {
  const local = { ...link, size: 4, mtimeNs: 7n * S, ctimeNs: 7n * S, mode: 0o644 };
  const copy = { kind: 'file', form: 'copy', path, remote, local, hash: '00', origin: 'local', racy: false } as const;
  expect(knows(copy, push(file(4, 7n * S)))).toBe(true);
  expect(knows({ ...copy, remoteRacy: true }, push(file(4, 7n * S)))).toBe(false);
});

test('a mount that shows another kind of thing is behind; of a file its server was asked', () => {
  const seen = { kind: 'directory', mode: 0o755, identity: link } as const;
  expect(isStale({ kind: 'absent' }, seen)).toBe(true);
  expect(isStale({ kind: 'absent' }, { kind: 'absent' })).toBe(false);
  expect(isStale({ kind: 'directory', mode: 0o755 }, { kind: 'absent' })).toBe(true);
  expect(isStale(file(4, 7n * S), { kind: 'absent' })).toBe(true);
  expect(isStale(file(4, 7n * S), { kind: 'file', stat: { ...link, ...remote, ctimeNs: 0n } })).toBe(false);
  expect(isStale(file(4, 7n * S), undefined)).toBe(false);
});

function repeating(listingCacheMs: number) {
  const base = openBase(':memory:');
  base.setMeta('probe-remote', JSON.stringify({ listingCacheMs }));
  const published: SyncEvent[][] = [];
  const pauses: number[] = [];
  let due: (() => void) | null = null;
  const repeats = createRepeats({
    base,
    publish: async (events) => void published.push([...events]),
    log: () => undefined,
    timers: {
      after(ms, call) {
        pauses.push(ms);
        due = call;
        return { cancel: () => void (due = null) };
      },
    },
  });
  return {
    repeats,
    published,
    pauses,
    tick() {
      const call = due;
      due = null;
      call?.();
    },
  };
}

test('what the mount does not show yet is told again until its cache must be over, and no longer', () => {
  const it = repeating(20_000);
  let event = push({ kind: 'absent' });
  for (let round = 0; round < 50; round++) {
    const before = it.published.length;
    it.repeats.again(event);
    it.tick();
    if (it.published.length === before) break;
    event = it.published.at(-1)?.[0] as ChangeEvent;
  }
  const sum = it.pauses.reduce((all, one) => all + one, 0);
  expect(sum).toBeGreaterThanOrEqual(20_000);
  expect(sum).toBeLessThan(30_000);
  expect(it.published.length).toBeLessThan(10);
});

test('several go together, a mount without a cache is asked once more at most, and a stop ends it', () => {
  const it = repeating(0);
  it.repeats.again(push({ kind: 'absent' }));
  it.repeats.again({ ...push({ kind: 'absent' }), path: relPath('other') });
  it.tick();
  expect(it.published.map((events) => events.length)).toEqual([2]);
  it.repeats.again(it.published[0]?.[0] as ChangeEvent);
  it.tick();
  expect(it.published).toHaveLength(1);
  it.repeats.again(push({ kind: 'absent' }));
  it.repeats.stop();
  it.tick();
  expect(it.published).toHaveLength(1);
});
