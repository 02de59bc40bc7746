import { homedir } from 'node:os';
import { relPath } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { prettyLine } from '../src/log-lines.ts';
import { readyLine, readyLineOf, statusLine, tryLine } from '../src/ready-text.ts';
import { ago, bytes, count, plural, safe, shellPath, table } from '../src/words.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 KB'],
  [13_598, '13.6 KB'],
  [99_960, '100 KB'],
  [999_600, '1 MB'],
  [1_200_000_000, '1.2 GB'],
  [340_000_000, '340 MB'],
])('%i bytes are %s', (value, text) => {
  expect(bytes(value)).toBe(text);
});

test('numbers of things', () => {
  expect([0, 999, 1000, 1_234_567].map(count)).toEqual(['0', '999', '1,000', '1,234,567']);
  expect([plural(1, 'stub'), plural(2, 'stub'), plural(1000, 'copy', 'copies')]).toEqual([
    '1 stub',
    '2 stubs',
    '1,000 copies',
  ]);
});

test.each([
  [`${homedir()}/work`, '~/work'],
  ['/a/b-c_d.txt', '/a/b-c_d.txt'],
  ['/a b', "'/a b'"],
  ["/it's", "'/it'\\''s'"],
  ['/a\nb', "$'/a\\nb'"],
  ['/Käse', '/Käse'],
  ['/$(x)', "'/$(x)'"],
])('%j is pasted as %s', (file, text) => {
  expect(shellPath(file)).toBe(text);
});

test('a name can not write to the terminal', () => {
  expect(safe('a\x1b[2Jb\nc\u202ed')).toBe('a\\u{1b}[2Jb\\nc\\u{202e}d');
});

test('tables have straight columns', () => {
  expect(
    table([
      ['a', 'bbb', 'c'],
      ['aaaa', 'b', 'cc'],
    ]),
  ).toBe('a     bbb  c\naaaa  b    cc');
});

test('times that passed', () => {
  expect([0, 59_000, 60_000, 7_200_000, 200_000_000].map((ms) => ago(0, ms))).toEqual([
    '0 s ago',
    '59 s ago',
    '1 min ago',
    '2 h ago',
    '2 d ago',
  ]);
});

const counts = {
  entries: 10_500,
  directories: 500,
  stubs: 10_000,
  copies: 0,
  cachedBytes: 0,
  remoteBytes: 1_200_000_000,
};

test('the lines of the README', () => {
  expect(readyLine({ kind: 'ready', counts })).toBe('ready  10,000 stubs, 500 folders, 0 B downloaded (1.2 GB remote)');
  expect(tryLine(`${homedir()}/work`, relPath('FILE'))).toBe('try    cat ~/work/FILE   then   ls -l ~/work/FILE');
  expect(statusLine('./lazysync', `${homedir()}/work`, 'http://127.0.0.1:7420')).toBe(
    'status  ./lazysync status --local ~/work    queue  http://127.0.0.1:7420/queues    Ctrl-C stops, files stay readable',
  );
});

test('what waits is said in the line', () => {
  expect(readyLine({ kind: 'waits', state: 'remote-offline', why: 'no answer.', counts })).toMatch(
    /^ready {2}remote offline \(no answer\): copies work, changes wait; 10,000 stubs/,
  );
  expect(
    readyLine({ kind: 'waits', state: 'held', why: '', counts: { ...counts, copies: 1, cachedBytes: 5 } }),
  ).toMatch(/^ready {2}held until you say so; 10,000 stubs, 500 folders, 5 B here/);
});

test('several pairs are one line, and those that do not just work are named', () => {
  const ready = { kind: 'ready', counts: { ...counts, stubs: 2, directories: 1, remoteBytes: 10 } } as const;
  const line = readyLineOf([
    { id: 'a', readiness: ready },
    { id: 'b', readiness: { ...ready, kind: 'waits', state: 'held', why: '' } },
    { id: 'c', readiness: { kind: 'halted', why: 'Another folder lies there.' } },
  ]);
  expect(line).toBe(
    'ready  3 pairs; b held until you say so; c halted (Another folder lies there); 4 stubs, 2 folders, 0 B downloaded (20 B remote)',
  );
});

test('log lines for people, and lines that are no log records', () => {
  const line = JSON.stringify({
    level: 'warn',
    time: 0,
    pid: 1,
    hostname: 'h',
    name: 'watcher',
    pair: 'p',
    msg: 'slow',
    ms: 12,
  });
  expect(prettyLine('watcher', line)).toMatch(/^\d\d:\d\d:\d\d WARN {2}watcher \[p\] slow {2}ms=12$/);
  expect(prettyLine('watcher', 'Segmentation fault')).toBe('watcher | Segmentation fault');
  expect(prettyLine('watcher', '{"torn":')).toBe('watcher | {"torn":');
});
