/** A real process with a real burst. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

interface Seen {
  readonly most: number;
  readonly left: number;
}

/**
 * Holds that many things for a moment, or at work for so many ms, and waits until less than that share of its memory is left.
 */
function burstOf(things: number, share: number, workMs = 0): Seen {
  const source = `
import { keepMemorySmall } from ${JSON.stringify(new URL('../src/memory.ts', import.meta.url).href)};
const rss = () => process.memoryUsage.rss();
keepMemorySmall();
let burst = new Map();
for (let i = 0; i < ${things}; i++) burst.set('folder/' + i, { path: 'f' + i, of: [i] });
const most = rss();
for (const until = Date.now() + ${workMs}; Date.now() < until; ) {
  // Half of the time: its collections come in between.
  for (const pause = Date.now() + 20; Date.now() < pause; );
  await new Promise((resolve) => setTimeout(resolve, 20));
}
if (burst.size === 0) throw new Error('it was needed until now');
burst = null;
const end = Date.now() + 40_000;
const timer = setInterval(() => {
  if (rss() > most * ${share} && Date.now() < end) return;
  console.log(JSON.stringify({ most, left: rss() }));
  clearInterval(timer);
}, 100);
`;
  const args = ['--disable-warning=ExperimentalWarning', '--no-memory-reducer', '--input-type=module', '-e', source];
  const ran = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 55_000 });
  expect(ran.stderr).toBe('');
  return JSON.parse(ran.stdout) as Seen;
}

test('a process that had a burst gives its memory back', () => {
  const { most, left } = burstOf(1_500_000, 0.5);
  expect(most).toBeGreaterThan(300 << 20);
  expect(left).toBeLessThan(most / 2);
});

test('a process that comes to rest gives back what its start took', () => {
  const { most, left } = burstOf(250_000, 0.6);
  expect([most > 100 << 20, most < 240 << 20]).toEqual([true, true]);
  expect(left).toBeLessThan(most * 0.6);
});

test('what it needed while it was at work it gives back when it rests, though it was looked at in vain before', () => {
  const { most, left } = burstOf(1_100_000, 0.5, 6_000);
  expect(most).toBeGreaterThan(300 << 20);
  expect(left).toBeLessThan(most / 2);
});

test('no file descriptor is left to ask with: the process goes on', () => {
  const source = `
import fs from 'node:fs';
import { keepMemorySmall } from ${JSON.stringify(new URL('../src/memory.ts', import.meta.url).href)};
keepMemorySmall();
const taken = [];
let why = '';
while (why === '') try { taken.push(fs.openSync('/dev/null')); } catch (error) { why = error.code; }
await new Promise((resolve) => setTimeout(resolve, 3_000));
taken.forEach((fd) => fs.closeSync(fd));
console.log(why);
`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source];
  const ran = spawnSync('sh', ['-c', 'ulimit -n 64 && exec "$0" "$@"', process.execPath, ...args], {
    encoding: 'utf8',
    timeout: 55_000,
  });
  expect([ran.stdout, ran.stderr]).toEqual(['EMFILE\n', '']);
});
