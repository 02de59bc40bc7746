import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createCallDeadline } from '../src/endpoint-deadline.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('passes when the server answers nobody', async () => {
  const passed = vi.fn();
  createCallDeadline('look', [['a']], 8_000, passed);
  await vi.advanceTimersByTimeAsync(7_900);
  expect(passed).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  expect(passed).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(500_000);
  expect(passed).toHaveBeenCalledTimes(1);
});

it('does not pass while the server answers others, unless it takes far too long', async () => {
  const passed = vi.fn();
  const deadline = createCallDeadline('look', [['a']], 8_000, passed);
  for (let s = 0; s < 120; s += 5) {
    deadline.beat();
    await vi.advanceTimersByTimeAsync(5_000);
  }
  expect(passed).not.toHaveBeenCalled();
  deadline.beat();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(passed).toHaveBeenCalledTimes(1);
});

it('gives bytes their time', async () => {
  const passed = vi.fn();
  const deadline = createCallDeadline('hash', ['a', { size: 8 * 1024 * 1000 }], 8_000, passed);
  for (let s = 0; s < 1_100; s += 5) {
    deadline.beat();
    await vi.advanceTimersByTimeAsync(5_000);
  }
  expect(passed).not.toHaveBeenCalled();
  deadline.cancel();
  await vi.advanceTimersByTimeAsync(500_000);
  expect(passed).not.toHaveBeenCalled();
});

it('lets a fetch take as long as its own bytes come, and as its limit asks for', async () => {
  const passed = vi.fn();
  const limited = { path: 'f', slot: 's', limit: 10_000 };
  const deadline = createCallDeadline('fetch', [limited], 8_000, passed);
  // 128 KiB at 10,000 bytes a second: one piece takes 13 s, in which the server is asked for nothing.
  for (let piece = 0; piece < 20; piece++) {
    await vi.advanceTimersByTimeAsync(13_000);
    deadline.beat();
    deadline.progress('s');
  }
  expect(passed).not.toHaveBeenCalled();
  for (let piece = 0; piece < 20 && passed.mock.calls.length === 0; piece++) {
    await vi.advanceTimersByTimeAsync(26_000);
    deadline.beat();
    deadline.progress('another');
  }
  expect(passed).toHaveBeenCalledTimes(1);
});

it('lets an upload wait for its turn under a limit that many share', async () => {
  const passed = vi.fn();
  const source = { size: 1_000_000, mtimeNs: 0n, ctimeNs: 0n, mode: 0o644, dev: 0n, ino: 0n, birthNs: 0n };
  const step = { kind: 'upload', side: 'remote', path: 'f', source, expected: { kind: 'absent' } };
  const deadline = createCallDeadline('stage', [{ slot: 's', step, limit: 10_000 }], 8_000, passed);
  // 100 s by itself, and as long for each of those before it.
  for (let i = 0; i < 600; i++) {
    await vi.advanceTimersByTimeAsync(5_000);
    deadline.beat();
  }
  expect(passed).not.toHaveBeenCalled();
  deadline.cancel();
});
