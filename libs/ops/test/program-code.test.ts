import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { codeIn } from '../src/program-code.ts';

const part = (head: string, anonymous: number): string =>
  [head, 'Size:                 12 kB', `Anonymous:            ${anonymous} kB`, 'VmFlags: rd ex mr mw me', ''].join(
    '\n',
  );

test('code and constants of the program are found; what was changed, can be written, has no file, or is a library is not', () => {
  const smaps = [
    part('00400000-00746000 r--p 00000000 fe:00 5322211                            /bin/my node', 0),
    part('00746000-00749000 r-xp 00346000 fe:00 5322211                            /bin/my node', 0),
    part('06b56000-06b7d000 rw-p 06755000 fe:00 5322211                            /bin/my node', 0),
    part('06b52000-06b56000 r--p 06751000 fe:00 5322211                            /bin/my node', 8),
    part('7f7d24000000-7f7d43dc0000 r-xp 00000000 00:00 0 ', 0),
    part('7f7d60c5b000-7f7d60cc1000 r-xp 00066000 fe:00 5321783      /bin/my node', 0),
    part('7f7d60cd0000-7f7d60cd1000 r-xp 00066000 fe:00 5321783      /lib/koffi.node', 0),
    part('7f7d60ce0000-7f7d60ce1000 r-xp 00066000 fe:00 5321783      /bin/my node (deleted)', 0),
    part('7f7d63764000-7f7d638ba000 r-xp 00026000 fe:00 339380                     /bin/my node', 4),
    part('7f7d63ca0000-7f7d63caa000 rwxp 00026000 fe:00 339380                     /bin/my node', 0),
    part('7ffdd1bf7000-7ffdd1bf9000 r-xp 00000000 00:00 0                          [vdso]', 0),
  ].join('');
  expect(codeIn(smaps, '/bin/my node')).toEqual([
    { start: 0x400000, end: 0x746000 },
    { start: 0x746000, end: 0x749000 },
    { start: 0x7f7d60c5b000, end: 0x7f7d60cc1000 },
  ]);
});

test('a process that lets go of its code has less of it, and works on', () => {
  const source = `
import { readFileSync } from 'node:fs';
import { letGoOfCode } from ${JSON.stringify(new URL('../src/program-code.ts', import.meta.url).href)};
const kB = () => Number(/^RssFile:\\s*(\\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))[1]);
const before = kB();
const answer = letGoOfCode();
const after = kB();
let sum = 0;
for (let i = 0; i < 3_000_000; i++) sum += JSON.stringify({ i }).length;
await new Promise((resolve) => setTimeout(resolve, 10));
console.log(JSON.stringify({ answer: answer ?? null, saved: (before - after) / before, sum }));
`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source];
  const ran = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 55_000 });
  expect(ran.stderr).toBe('');
  const { answer, saved, sum } = JSON.parse(ran.stdout) as { answer: string | null; saved: number; sum: number };
  expect(answer).toBeNull();
  expect(saved).toBeGreaterThan(0.3);
  expect(sum).toBe(37_888_890);
});
