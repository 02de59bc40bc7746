/** What is never synced. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { relPath } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { createIgnore } from '../src/ignore.ts';

test('what it was asked for is not kept for ever', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const ignored = createIgnore(['*.log', '!keep.log', '/build/']);
  const before = held();
  for (let n = 0; n < 200_000; n++) {
    if (ignored(relPath(`folder ${n % 100}/file ${n}`), false)) throw new Error(`file ${n} is ignored`);
    if (n % 1_000 === 0) {
      expect(ignored(relPath(`folder/${n}.log`), false)).toBe(true);
      expect(ignored(relPath(`folder/${n}/keep.log`), false)).toBe(false);
      expect(ignored(relPath('build/in'), false)).toBe(true);
    }
  }
  const grown = held() - before;
  // It is still needed.
  expect(ignored(relPath('a.log'), false)).toBe(true);
  expect(grown).toBeLessThan(10 << 20);
});
