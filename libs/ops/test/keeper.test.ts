import { expect, test, vi } from 'vitest';
import { createKeeper, type Keeper, type Scope } from '../src/index.ts';
import { createLogger } from '../src/logger.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

interface World {
  readonly keeper: Keeper<string>;
  readonly said: string[];
  readonly running: Map<string, string>;
  /** Starts of this name wait until it is deleted. */
  readonly slow: Set<string>;
  readonly failing: Set<string>;
}

function world(): World {
  const said: string[] = [];
  const running = new Map<string, string>();
  const slow = new Set<string>();
  const failing = new Set<string>();
  const start = async (name: string, wish: string, scope: Scope): Promise<void> => {
    scope.own('it', () => {
      running.delete(name);
      said.push(`-${name}:${wish}`);
    });
    if (failing.has(name)) throw new Error('no');
    while (slow.has(name) && !scope.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
    if (scope.signal.aborted) return;
    if (running.has(name)) throw new Error('it runs already');
    running.set(name, wish);
    said.push(`+${name}:${wish}`);
  };
  const keeper = createKeeper<string>({
    logger,
    start,
    same: (a, b) => a === b,
    stopped: (name) => said.push(`gone ${name}`),
    retryMs: [1, 2],
  });
  return { keeper, said, running, slow, failing };
}

const want = (entries: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(entries));

test('what is wanted runs, what has changed is started anew, what is not wanted ends', async () => {
  const { keeper, said, running } = world();
  keeper.want(want({ a: '1', b: '1' }));
  await vi.waitUntil(() => running.size === 2);
  keeper.want(want({ a: '1', b: '2', c: '1' }));
  await vi.waitUntil(() => running.get('b') === '2' && running.has('c'));
  expect(said).toContain('-b:1');
  expect(said).not.toContain('-a:1');
  keeper.want(want({ c: '1' }));
  await vi.waitUntil(() => said.includes('gone a') && said.includes('gone b'));
  expect([...running.keys()]).toEqual(['c']);
  await keeper.close();
  expect(running.size).toBe(0);
  expect(said.filter((one) => one.startsWith('gone'))).toHaveLength(3);
});

test('a start that is not wanted any more leaves off, and holds up nobody', async () => {
  const { keeper, said, running, slow } = world();
  slow.add('a');
  keeper.want(want({ a: '1', b: '1' }));
  await vi.waitUntil(() => running.has('b'));
  keeper.want(want({ b: '1' }));
  await vi.waitUntil(() => said.includes('gone a'));
  expect(said).not.toContain('+a:1');
  keeper.want(want({ a: '2', b: '1' }));
  slow.delete('a');
  await vi.waitUntil(() => running.get('a') === '2');
  await keeper.close();
});

test('a start that fails is tried again, with what it owned released', async () => {
  const { keeper, said, running, failing } = world();
  failing.add('a');
  keeper.want(want({ a: '1' }));
  await vi.waitUntil(() => said.filter((one) => one === '-a:1').length >= 3);
  failing.delete('a');
  await vi.waitUntil(() => running.has('a'));
  await keeper.close();
});
