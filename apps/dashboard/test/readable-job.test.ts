import { expect, test } from 'vitest';
import { readableData } from '../src/readable-job.ts';

const at = Date.UTC(2025, 0, 2, 3, 4, 5);

test('a finished job tells of each event what happened and why', () => {
  const data = {
    v: 1,
    pair: 'p',
    at,
    events: [
      { kind: 'modify', side: 'local', path: 'src/a.ts' },
      { kind: 'delete', side: 'remote', path: 'old', seen: false },
      { kind: 'access', side: 'local', path: 'big.iso' },
    ],
  };
  const returned = [
    { path: 'src/a.ts', outcome: 'uploaded 12 B: local changed, the remote did not' },
    { path: 'big.iso', outcome: 'download began' },
    { path: 'src', outcome: 'looked at' },
  ];
  expect(readableData('p', data, returned)).toEqual({
    seen: '2025-01-02T03:04:05.000Z',
    events: [
      'src/a.ts changed in local → uploaded 12 B: local changed, the remote did not',
      'old went away in remote (found by a scan)',
      'big.iso was opened in local → download began',
      'src was looked at too → looked at',
    ],
  });
});

test('outcomes of one path are given out in order', () => {
  const event = { kind: 'modify', side: 'local', path: 'a' };
  const shown = readableData('p', { v: 1, pair: 'p', at, events: [event, event] }, [
    { path: 'a', outcome: 'first' },
    { path: 'a', outcome: 'second' },
  ]);
  expect(shown).toMatchObject({ events: ['a changed in local → first', 'a changed in local → second'] });
});

test.each([
  ['of another pair', { v: 1, pair: 'q', at, events: [] }],
  ['no object', 'hello'],
  ['with a path that leads out', { v: 1, pair: 'p', at, events: [{ kind: 'delete', side: 'local', path: '../x' }] }],
])('a job %s is shown as it is, with the reason', (_what, data) => {
  expect(readableData('p', data, null)).toEqual({ refused: expect.any(String), data });
});
