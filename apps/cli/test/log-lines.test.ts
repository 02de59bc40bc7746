import { expect, test } from 'vitest';
import { lastErrorIn } from '../src/log-lines.ts';

test.each([
  ['nothing', [], null],
  ['what is no error', ['{"level":"info","msg":"watching"}', 'hello', '{"level":"warn","msg":"slow"}'], null],
  ['a record', ['{"level":"error","msg":"it failed."}', '{"level":"info","msg":"ending"}'], 'it failed'],
  [
    'a record with a cause',
    ['{"level":"fatal","msg":"no","err":{"message":"ENOSPC: full, write"}}'],
    'ENOSPC: full, write',
  ],
  ['the last one of several', ['{"level":"error","msg":"first"}', '{"level":"error","msg":"second"}'], 'second'],
  ['a torn record', ['{"level":"error","msg":"whole"}', '{"level":"error","msg":"to'], 'whole'],
  [
    'what Node prints',
    [
      'file:///a.ts:12',
      '  throw new Error("x")',
      '  ^',
      '',
      'TypeError [ERR_X]: it is broken',
      '    at f (a.ts:1:2)',
      '',
      'Node.js v24',
    ],
    'it is broken',
  ],
])('the last error in %s', (_what, lines, error) => {
  expect(lastErrorIn(lines)).toBe(error);
});
