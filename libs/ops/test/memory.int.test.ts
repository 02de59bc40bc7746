/** A real process with a real burst. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const SOURCE = `
import { keepMemorySmall } from ${JSON.stringify(new URL('../src/memory.ts', import.meta.url).href)};
const rss = () => process.memoryUsage.rss();
keepMemorySmall();
let burst = new Map();
for (let i = 0; i < 1_500_000; i++) burst.set('folder/' + i, { path: 'f' + i, of: [i] });
const most = rss();
burst = null;
const end = Date.now() + 40_000;
const timer = setInterval(() => {
  if (rss() > most / 2 && Date.now() < end) return;
  console.log(JSON.stringify({ most, left: rss() }));
  clearInterval(timer);
}, 100);
`;

test('a process that had a burst gives its memory back', () => {
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', SOURCE];
  const ran = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 55_000 });
  expect(ran.stderr).toBe('');
  const { most, left } = JSON.parse(ran.stdout) as { most: number; left: number };
  expect(most).toBeGreaterThan(300 << 20);
  expect(left).toBeLessThan(most / 2);
});
