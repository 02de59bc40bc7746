import { relPath } from '@lazysync/event-model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sideBySide, type Work } from '../src/side-by-side.ts';

interface Run {
  readonly works: readonly Work[];
  /** Begins and ends, in the order in which they came. */
  readonly lines: string[];
  readonly most: () => number;
}

/** Each takes a few turns of the event loop; those in `alone` say that they have to be. */
function run(paths: readonly string[], alone: readonly string[] = [], turns = 2): Run {
  const lines: string[] = [];
  let now = 0;
  let most = 0;
  const act = async (path: string, how: string): Promise<string> => {
    lines.push(`> ${path}`);
    most = Math.max(most, ++now);
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    now--;
    lines.push(`< ${path}`);
    return `${path} ${how}`;
  };
  const works = paths.map(
    (path): Work => ({
      path: relPath(path),
      beside: async () => (alone.includes(path) ? null : act(path, 'beside')),
      alone: () => act(path, 'alone'),
    }),
  );
  return { works, lines, most: () => most };
}

const related = (a: string, b: string): boolean => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);

describe('paths brought to rest side by side', () => {
  test('unrelated ones are at work together, at most so many as wanted', async () => {
    const { works, most } = run(['a', 'b', 'c', 'd', 'e']);
    expect(await sideBySide(works, 3)).toEqual(['a beside', 'b beside', 'c beside', 'd beside', 'e beside']);
    expect(most()).toBe(3);
  });

  test('width 1: one by one, in order, each alone', async () => {
    const { works, lines, most } = run(['a', 'b', 'a/c']);
    expect(await sideBySide(works, 1)).toEqual(['a alone', 'b alone', 'a/c alone']);
    expect(lines).toEqual(['> a', '< a', '> b', '< b', '> a/c', '< a/c']);
    expect(most()).toBe(1);
  });

  test('what has to be alone meets nobody, and goes before what comes later', async () => {
    const { works, lines } = run(['a', 'b', 'c', 'c/d'], ['b', 'c']);
    expect(await sideBySide(works, 16)).toEqual(['a beside', 'b alone', 'c alone', 'c/d beside']);
    expect(lines).toEqual(['> a', '< a', '> b', '< b', '> c', '< c', '> c/d', '< c/d']);
  });

  test('one in each folder before a second one in any', async () => {
    const { works, lines } = run(['p/1', 'p/2', 'p/3', 'q/1', 'q/2', 'r/1']);
    await sideBySide(works, 3);
    expect(lines.slice(0, 3)).toEqual(['> p/1', '> q/1', '> r/1']);
  });

  test('a failure is told when nothing is at work any more, and nothing new is begun', async () => {
    const { works, lines } = run(['a', 'b', 'c', 'd']);
    const bad: Work = {
      path: relPath('x'),
      beside: () => Promise.reject(new Error('away')),
      alone: () => Promise.reject(new Error('away')),
    };
    await expect(sideBySide([works[0] as Work, bad, ...works.slice(1)], 2)).rejects.toThrow('away');
    expect(lines).toEqual(['> a', '< a']);
  });

  test('a stop is heard between two of them', async () => {
    const stop = new AbortController();
    const { works, lines } = run(['a', 'b', 'c']);
    const stopping: Work = { ...(works[0] as Work), beside: async () => (stop.abort(new Error('stop')), 'a') };
    await expect(sideBySide([stopping, ...works.slice(1)], 1, stop.signal)).resolves.toHaveLength(3);
    stop.abort(new Error('stop'));
    await expect(sideBySide(works, 2, stop.signal)).rejects.toThrow('stop');
    expect(lines.filter((line) => line.startsWith('>'))).toHaveLength(3);
  });

  test('related ones keep their order and never overlap, whatever the list', async () => {
    const path = fc.constantFrom('a', 'b', 'a/c', 'a/d', 'a/c/e', 'b/f', 'b/f/g');
    await fc.assert(
      fc.asyncProperty(
        fc.array(path, { maxLength: 12 }),
        fc.subarray(['a', 'a/c', 'b/f/g']),
        fc.integer({ min: 2, max: 6 }),
        async (paths, alone, width) => {
          const names = paths.map((one, i) => `${one}#${i}`);
          const order: string[] = [];
          const open = new Set<string>();
          const act = async (name: string): Promise<string> => {
            const at = name.split('#')[0] as string;
            for (const other of open) expect(related(at, other.split('#')[0] as string)).toBe(false);
            open.add(name);
            order.push(name);
            await new Promise((resolve) => setImmediate(resolve));
            open.delete(name);
            return name;
          };
          const works = names.map((name): Work => {
            const at = name.split('#')[0] as string;
            return {
              path: relPath(at),
              beside: async () => (alone.includes(at) ? null : act(name)),
              alone: async () => {
                expect(open.size).toBe(0);
                return act(name);
              },
            };
          });
          expect(await sideBySide(works, width)).toEqual(names);
          names.forEach((one, i) => {
            for (const later of names.slice(i + 1)) {
              if (!related(one.split('#')[0] as string, later.split('#')[0] as string)) continue;
              expect(order.indexOf(one)).toBeLessThan(order.indexOf(later));
            }
          });
        },
      ),
      { numRuns: 200 },
    );
  });
});
