/** Somebody who works in a folder at random, from a seed, and remembers what was knowingly replaced. */
import fs from 'node:fs';
import path from 'node:path';
import type { Census } from './census.ts';

/** mulberry32 */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const FOLDERS = ['', 'd', 'd/e', 'f'];
const NAMES = ['a.txt', 'b.txt', 'c', 'g'];

/** What may happen because somebody else was quicker, or because a stub leads to what was just moved. */
const EXPECTED = new Set(['ENOENT', 'EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY', 'EINVAL', 'ELOOP']);

export class User {
  readonly name: string;
  readonly root: string;
  readonly #census: Census;
  readonly #random: () => number;
  readonly #throughStubs: boolean;
  readonly did: Record<string, number> = {};
  #count = 0;

  /** `throughStubs: false`: nobody writes through a mount that may have shown an old version. */
  constructor(
    name: string,
    root: string,
    census: Census,
    random: () => number,
    { throughStubs = true }: { readonly throughStubs?: boolean } = {},
  ) {
    this.name = name;
    this.root = root;
    this.#census = census;
    this.#random = random;
    this.#throughStubs = throughStubs;
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }

  #file(): string {
    return path.join(this.root, this.#pick(FOLDERS), this.#pick(NAMES));
  }

  #text(): string {
    return `${this.name} ${++this.#count} ${'.'.repeat(Math.floor(this.#random() * 30))}\n`;
  }

  /** Opens it, so that what is replaced is what was read. */
  #inPlace(full: string): void {
    if (!this.#throughStubs && fs.lstatSync(full).isSymbolicLink()) return;
    const fd = fs.openSync(full, 'r+');
    try {
      const old = fs.readFileSync(fd, 'utf8');
      const text = this.#text();
      this.#census.replaced(old);
      fs.ftruncateSync(fd, 0);
      fs.writeSync(fd, text, 0, 'utf8');
      this.#census.wrote(text, full);
    } finally {
      fs.closeSync(fd);
    }
  }

  /**
   * What is deleted or replaced as a whole: its content is known to be gone where it was only here. What lies behind a
   * stub goes to the trash, and has to be found there.
   */
  #gone(full: string): void {
    const stat = fs.lstatSync(full, { throwIfNoEntry: false });
    if (stat?.isFile() === true) this.#census.replaced(fs.readFileSync(full, 'utf8'));
    if (stat?.isDirectory() !== true) return;
    for (const name of fs.readdirSync(full)) this.#gone(path.join(full, name));
  }

  #saveOver(full: string): void {
    fs.mkdirSync(path.dirname(full), { recursive: true });
    const text = this.#text();
    const temp = `${full}.${this.#count}.tmp`;
    fs.writeFileSync(temp, text);
    this.#census.wrote(text, full);
    // ORDER: both in one turn: nobody of this test writes in between.
    this.#gone(full);
    fs.renameSync(temp, full);
  }

  #renameFile(from: string, to: string): void {
    fs.mkdirSync(path.dirname(to), { recursive: true });
    // A rename of a thing to its own name does nothing. A stub may lead nowhere, and is renamed all the same.
    if (from !== to && fs.lstatSync(from, { throwIfNoEntry: false }) !== undefined) this.#gone(to);
    fs.renameSync(from, to);
    this.#census.note(`renamed ${from} to ${to}`);
  }

  #renameFolder(from: string, to: string): void {
    fs.renameSync(from, to);
    this.#census.note(`renamed ${from} to ${to}`);
  }

  #actions(): Readonly<Record<string, () => void>> {
    return {
      create: () => {
        const full = this.#file();
        fs.mkdirSync(path.dirname(full), { recursive: true });
        const text = this.#text();
        fs.writeFileSync(full, text, { flag: 'wx' });
        this.#census.wrote(text, full);
      },
      'write in place': () => this.#inPlace(this.#file()),
      save: () => this.#saveOver(this.#file()),
      read: () => void fs.readFileSync(this.#file()),
      remove: () => {
        const full = this.#file();
        this.#gone(full);
        fs.unlinkSync(full);
        this.#census.note(`removed ${full}`);
      },
      rename: () => this.#renameFile(this.#file(), this.#file()),
      'rename a folder': () =>
        this.#renameFolder(
          path.join(this.root, this.#pick(['d', 'f'])),
          path.join(this.root, this.#pick(['d', 'f', 'h'])),
        ),
      'remove a folder': () => {
        const full = path.join(this.root, this.#pick(FOLDERS.slice(1)));
        if (this.#random() > 0.3) return;
        this.#gone(full);
        fs.rmSync(full, { recursive: true });
        this.#census.note(`removed ${full}`);
      },
      mkdir: () => void fs.mkdirSync(path.join(this.root, this.#pick(FOLDERS.slice(1))), { recursive: true }),
    };
  }

  act(): void {
    const actions = this.#actions();
    const name = this.#pick([
      'create',
      'create',
      'write in place',
      'write in place',
      'write in place',
      'save',
      'save',
      'read',
      'read',
      'remove',
      'rename',
      'rename',
      'rename a folder',
      'remove a folder',
      'mkdir',
    ]);
    try {
      actions[name]?.();
      this.did[name] = (this.did[name] ?? 0) + 1;
    } catch (error) {
      if (!EXPECTED.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}
