/**
 * Many paths brought to rest: related ones (the same path, one above the other) in the order of the list, unrelated ones
 * side by side. What turns out to touch more than its own path waits until nothing else is at work, and goes alone.
 */
import { parentOf, type RelPath } from '@lazysync/event-model';

export interface Work {
  readonly path: RelPath;
  /** While unrelated paths are at work. Null: it has to be done alone; nothing of it is half done. */
  readonly beside: () => Promise<string | null>;
  readonly alone: () => Promise<string>;
}

interface Item extends Work {
  readonly at: number;
  /** Earlier ones that it waits for. */
  waits: number;
  readonly next: Item[];
  done: boolean;
}

/** Each waits for the earlier ones at, above and below its path: the last one at each of these stands for all before it. */
function related(works: readonly Work[]): Item[] {
  const lastAt = new Map<RelPath, Item>();
  const below = new Map<RelPath, Item[]>();
  const items = works.map((work, at): Item => ({ ...work, at, waits: 0, next: [], done: false }));
  for (const item of items) {
    const before = new Set<Item>(below.get(item.path));
    for (let path = item.path; ; path = parentOf(path)) {
      const one = lastAt.get(path);
      if (one !== undefined) before.add(one);
      if (path === '') break;
    }
    for (const one of before) one.next.push(item);
    item.waits = before.size;
    lastAt.set(item.path, item);
    // What lay below is waited for by this one, so that whoever comes later waits for this one alone.
    below.delete(item.path);
    for (let path = item.path; path !== ''; ) {
      path = parentOf(path);
      const list = below.get(path);
      if (list === undefined) below.set(path, [item]);
      else list.push(item);
    }
  }
  return items;
}

/** Ready ones, those first whose folder nobody is at work in: on a mount the kernel lets one change at a time into it. */
class Ready {
  readonly #folders = new Map<RelPath, Item[]>();
  readonly #busy = new Map<RelPath, number>();
  size = 0;

  add(item: Item): void {
    const folder = parentOf(item.path);
    const list = this.#folders.get(folder);
    if (list === undefined) this.#folders.set(folder, [item]);
    else list.push(item);
    this.size++;
  }

  take(): Item | undefined {
    let best: RelPath | undefined;
    for (const folder of this.#folders.keys()) {
      if (best === undefined || this.#atWork(folder) < this.#atWork(best)) best = folder;
      if (this.#atWork(best) === 0) break;
    }
    if (best === undefined) return undefined;
    const list = this.#folders.get(best) as Item[];
    const item = list.shift() as Item;
    this.#folders.delete(best);
    if (list.length > 0) this.#folders.set(best, list);
    this.#busy.set(best, this.#atWork(best) + 1);
    this.size--;
    return item;
  }

  left(item: Item): void {
    const folder = parentOf(item.path);
    const left = this.#atWork(folder) - 1;
    if (left > 0) this.#busy.set(folder, left);
    else this.#busy.delete(folder);
  }

  #atWork(folder: RelPath): number {
    return this.#busy.get(folder) ?? 0;
  }
}

/**
 * Answers in the order of the list. `width` 1: one by one, each alone. Rejects with the first failure, and only when
 * nothing is at work any more: whoever mends it must not meet a step that is still under way.
 */
export async function sideBySide(works: readonly Work[], width: number, signal?: AbortSignal): Promise<string[]> {
  const said: string[] = [];
  if (width <= 1) {
    for (const work of works) {
      signal?.throwIfAborted();
      said.push(await work.alone());
    }
    return said;
  }
  const ready = new Ready();
  const alone: Item[] = [];
  const failures: unknown[] = [];
  let running = 0;
  let wake: () => void = () => undefined;

  const finish = (item: Item, words: string): void => {
    said[item.at] = words;
    for (const next of item.next) if (--next.waits === 0) ready.add(next);
  };
  const run = async (item: Item): Promise<void> => {
    try {
      const words = await item.beside();
      if (words === null) alone.push(item);
      else finish(item, words);
    } catch (error) {
      failures.push(error);
    } finally {
      running--;
      ready.left(item);
      wake();
    }
  };

  for (const item of related(works)) if (item.waits === 0) ready.add(item);
  for (;;) {
    if (signal?.aborted === true && failures.length === 0) failures.push(signal.reason);
    if (failures.length === 0) {
      while (alone.length === 0 && running < width && ready.size > 0) {
        const item = ready.take();
        if (item === undefined) break;
        running++;
        void run(item);
      }
    }
    if (running > 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    if (failures.length > 0) throw failures[0];
    alone.sort((a, b) => b.at - a.at);
    const item = alone.pop();
    if (item !== undefined) finish(item, await item.alone());
    else if (ready.size === 0) return said;
  }
}
