import { type RelPath, relPath } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createRecentOpens } from '../src/recent-opens.ts';

const KEEP = 300_000;
const a = relPath('a');

function world(keepMs = KEEP) {
  let now = 1_000;
  const links = new Set<RelPath>();
  const asked: RelPath[] = [];
  const opens = createRecentOpens({
    keepMs,
    now: () => now,
    isLink: (path) => links.has(path),
    onAgain: (path) => asked.push(path),
  });
  return {
    asked,
    opens,
    pass: (ms: number) => {
      now += ms;
    },
    becomes: (what: 'stub' | 'copy', path = a) => {
      if (what === 'stub') links.add(path);
      else links.delete(path);
      // Two sources tell of it.
      opens.changed(path);
      opens.changed(path);
    },
  };
}

test('a copy that was opened lately comes back, once for each time it is taken away', () => {
  const it = world();
  it.opens.opened(a);
  it.pass(KEEP - 10_000);
  it.becomes('stub');
  expect(it.asked).toEqual([a]);
  it.becomes('copy');
  it.becomes('stub');
  expect(it.asked).toEqual([a, a]);
});

test('that it came back is no open: in the end it stays a stub', () => {
  const it = world();
  it.opens.opened(a);
  for (let i = 0; i < 10; i++) {
    it.pass(60_000);
    it.becomes('stub');
    it.becomes('copy');
  }
  expect(it.asked.length).toBe(5);
});

test('what nobody opened, what was opened too long ago, and edits of a copy ask for nothing', () => {
  const it = world();
  it.becomes('stub');
  it.opens.opened(relPath('b'));
  it.pass(KEEP + 1);
  it.becomes('stub', relPath('b'));
  it.opens.opened(relPath('c'));
  it.becomes('copy', relPath('c'));
  expect(it.asked).toEqual([]);
});

test('an open of our own is none, one right after its time is', () => {
  const it = world();
  it.opens.byUs(a);
  it.opens.opened(a);
  it.becomes('stub');
  expect(it.asked).toEqual([]);
  it.becomes('copy');
  it.pass(500);
  it.opens.opened(a);
  it.becomes('stub');
  expect(it.asked).toEqual([a]);
});

test('with 0 nothing is remembered', () => {
  const it = world(0);
  it.opens.opened(a);
  it.becomes('stub');
  expect(it.asked).toEqual([]);
});
