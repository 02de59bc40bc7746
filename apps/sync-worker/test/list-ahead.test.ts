import { joinPath, type RelPath, ROOT, relPath } from '@lazysync/event-model';
import { type Listing, RemoteOffline } from '@lazysync/replica';
import { expect, test } from 'vitest';
import { createListAhead } from '../src/list-ahead.ts';

const identity = { dev: 1n, ino: 1n, birthNs: 1n };

/** Two folders in each folder, down to a depth, and a file. Answers when it is told to. */
function tree(depth: number) {
  const asked: RelPath[] = [];
  const waiting: (() => void)[] = [];
  let offline = false;
  const listing = (path: RelPath): Listing => {
    const folders = path === '' || path.split('/').length < depth ? ['a', 'b'] : [];
    const names = folders.map((name) => ({ name, entry: { kind: 'directory', mode: 0o755, identity } as const }));
    return { kind: 'listing', path, names, unsyncable: [], digest: '', partial: false };
  };
  return {
    asked,
    inFlight: () => waiting.length,
    offline: (now: boolean) => {
      offline = now;
    },
    /** Answers what is under way now. */
    async answerOnce() {
      for (const one of waiting.splice(0)) one();
      await new Promise(setImmediate);
    },
    /** Answers everything that is under way, and what is asked for then, until nothing is. */
    async answer() {
      for (let some = waiting.splice(0); some.length > 0; some = waiting.splice(0)) {
        for (const one of some) one();
        await new Promise(setImmediate);
      }
    },
    list: async (queries: readonly { readonly path: RelPath }[]) => {
      asked.push(...queries.map(({ path }) => path));
      await new Promise<void>((resolve) => waiting.push(resolve));
      if (offline) throw new RemoteOffline('away');
      return queries.map(({ path }) => listing(path));
    },
  };
}

const nothing = (): boolean => false;
const paths = (...all: string[]): RelPath[] => all.map((one) => relPath(one));

test('folders are listed before anybody asks, top folders first, each once', async () => {
  const replica = tree(3);
  const ahead = createListAhead({ replica, ignored: nothing, batch: 2, calls: 2 });
  await replica.answer();
  expect(replica.asked).toHaveLength(15);
  expect(replica.asked.slice(0, 3)).toEqual(['', 'a', 'b']);
  const [root] = await ahead.take([ROOT]);
  expect(root?.path).toBe('');
  const some = await ahead.take(paths('b', 'a/b', 'a'));
  expect(some.map(({ path }) => path)).toEqual(['b', 'a/b', 'a']);
  expect(replica.asked).toHaveLength(15);
});

test('no more calls are in flight than allowed, and no call waits for the slowest of another', async () => {
  const replica = tree(6);
  createListAhead({ replica, ignored: nothing, batch: 1, calls: 3 });
  const seen: number[] = [];
  for (let round = 0; round < 20; round++) {
    seen.push(replica.inFlight());
    await replica.answer();
  }
  expect(Math.max(...seen)).toBeLessThanOrEqual(3);
  expect(replica.asked).toHaveLength(127);
});

test('while others need the mount few calls are in flight, and afterwards as many as allowed', async () => {
  const replica = tree(6);
  const ahead = createListAhead({ replica, ignored: nothing, batch: 1, calls: 4, callsAtFirst: 2 });
  const seen: number[] = [];
  for (let round = 0; round < 5; round++) {
    seen.push(replica.inFlight());
    await replica.answerOnce();
  }
  expect(seen).toEqual([1, 2, 2, 2, 2]);
  ahead.widen();
  expect(replica.inFlight()).toBe(4);
  await replica.answer();
  expect(replica.asked).toHaveLength(127);
});

test('what nobody takes is bounded; what is asked for is listed all the same, and lets it go on', async () => {
  const replica = tree(5);
  const ahead = createListAhead({ replica, ignored: nothing, batch: 1, calls: 1, most: 4 });
  await replica.answer();
  const before = replica.asked.length;
  expect(before).toBeLessThan(6);
  const taken: RelPath[] = [];
  const left: RelPath[] = [ROOT];
  for (let path = left.shift(); path !== undefined; path = left.shift()) {
    const listings = ahead.take([path]);
    await replica.answer();
    const [listing] = await listings;
    if (listing?.kind !== 'listing') throw new Error('no listing');
    taken.push(path);
    left.push(...listing.names.map(({ name }) => joinPath(listing.path, name)));
  }
  expect(taken).toHaveLength(63);
  expect(new Set(replica.asked).size).toBe(replica.asked.length);
});

test('ignored folders are not entered', async () => {
  const replica = tree(2);
  createListAhead({ replica, ignored: (path) => path === 'a', batch: 4, calls: 4 });
  await replica.answer();
  expect(replica.asked.some((path) => path.startsWith('a'))).toBe(false);
});

test('a remote that is away rejects who waits; asked again, it is listed anew', async () => {
  const replica = tree(1);
  replica.offline(true);
  const ahead = createListAhead({ replica, ignored: nothing });
  const first = ahead.take([ROOT]);
  const rejected = expect(first).rejects.toThrow(RemoteOffline);
  await replica.answer();
  await rejected;
  replica.offline(false);
  const again = ahead.take([ROOT]);
  await replica.answer();
  expect((await again)[0]?.kind).toBe('listing');
});

test('after its end nothing more is begun, and a late question is answered by a call of its own', async () => {
  const replica = tree(4);
  const ahead = createListAhead({ replica, ignored: nothing, batch: 1, calls: 1 });
  ahead.stop();
  await replica.answer();
  expect(replica.asked).toEqual(['']);
  const late = ahead.take(paths('a'));
  await replica.answer();
  expect((await late)[0]?.path).toBe('a');
});
