/**
 * The truth behind a mount: inodes, names, times. All calls happen at once and for good; the views on it (local disk,
 * mount, a user's shell) are other files.
 */
import { FsError, type NodeKind } from '@lazysync/replica';

export interface Inode {
  readonly id: number;
  readonly kind: NodeKind;
  /** A file's bytes (latin1), or a link's target. */
  text: string;
  readonly names: Map<string, Inode>;
  mode: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  atimeNs: bigint;
  readonly birthNs: bigint;
  nlink: number;
  /** Descriptors open for writing. */
  writers: number;
}

/** Who does it: a user's program, or a client of ours by name. */
export type Actor = 'user' | string;

export type TreeAct =
  /** A name appeared, or now stands for another inode. */
  | { readonly kind: 'appeared'; readonly path: string; readonly node: Inode }
  /** A name is gone, or stands for another inode now. `left`: names that the inode still has. */
  | { readonly kind: 'vanished'; readonly path: string; readonly node: Inode; readonly left: number }
  | { readonly kind: 'renamed'; readonly from: string; readonly path: string; readonly node: Inode }
  /** Bytes changed in place; `before` are the old ones. */
  | { readonly kind: 'written'; readonly node: Inode; readonly before: string; readonly beforeNs: bigint }
  | { readonly kind: 'touched'; readonly path: string; readonly node: Inode };

export type Observer = (act: TreeAct, actor: Actor) => void;

function splitLast(path: string): readonly [string, string] {
  const cut = path.lastIndexOf('/');
  return cut < 0 ? ['', path] : [path.slice(0, cut), path.slice(cut + 1)];
}

export class Tree {
  root: Inode;
  readonly name: string;
  observer: Observer = () => undefined;
  private count = 0;
  /** Numbers of inodes that are gone: as on a disk, the next one gets them. */
  private readonly free: number[] = [];
  private lastBirth = 0n;
  private readonly clockNs: () => bigint;

  constructor(name: string, clockNs: () => bigint) {
    this.name = name;
    this.clockNs = clockNs;
    this.root = this.node('directory', '', 0o755);
  }

  node(kind: NodeKind, text: string, mode: number): Inode {
    const at = this.clockNs();
    this.lastBirth = at > this.lastBirth ? at : this.lastBirth + 1n;
    const times = { mtimeNs: at, ctimeNs: at, atimeNs: at, birthNs: this.lastBirth };
    return { id: this.free.pop() ?? ++this.count, kind, text, names: new Map(), mode, ...times, nlink: 0, writers: 0 };
  }

  private fail(code: string, call: string, path: string): never {
    throw new FsError(code, call, path);
  }

  /** The directory that holds `path`, and its name in there. */
  parent(path: string, call: string): readonly [Inode, string] {
    const [above, name] = splitLast(path);
    const dir = above === '' ? this.root : this.find(above, call);
    if (dir.kind === 'symlink') this.fail('ELOOP', call, path);
    if (dir.kind !== 'directory') this.fail('ENOTDIR', call, path);
    return [dir, name];
  }

  /** The inode at `path`; follows nothing. */
  find(path: string, call: string): Inode {
    if (path === '') return this.root;
    const [dir, name] = this.parent(path, call);
    return dir.names.get(name) ?? this.fail('ENOENT', call, path);
  }

  peek(path: string): Inode | null {
    try {
      return this.find(path, 'peek');
    } catch (error) {
      if (error instanceof FsError) return null;
      throw error;
    }
  }

  /** All paths below the root, parents first, names in order. */
  walk(visit: (path: string, node: Inode) => void, from: string = '', node: Inode = this.root): void {
    for (const name of [...node.names.keys()].sort()) {
      const child = node.names.get(name) as Inode;
      const path = from === '' ? name : `${from}/${name}`;
      visit(path, child);
      if (child.kind === 'directory') this.walk(visit, path, child);
    }
  }

  pathsOf(node: Inode): string[] {
    const found: string[] = [];
    this.walk((path, one) => {
      if (one === node) found.push(path);
    });
    return found;
  }

  private stampDir(dir: Inode): void {
    const at = this.clockNs();
    dir.mtimeNs = at;
    dir.ctimeNs = at;
  }

  private add(dir: Inode, name: string, node: Inode): void {
    dir.names.set(name, node);
    node.nlink++;
    this.stampDir(dir);
  }

  make(path: string, kind: NodeKind, text: string, mode: number, actor: Actor): Inode {
    const [dir, name] = this.parent(path, 'make');
    if (dir.names.has(name)) this.fail('EEXIST', 'make', path);
    const node = this.node(kind, text, mode);
    this.add(dir, name, node);
    this.observer({ kind: 'appeared', path, node }, actor);
    return node;
  }

  private drop(dir: Inode, name: string, path: string, actor: Actor): void {
    const node = dir.names.get(name) as Inode;
    dir.names.delete(name);
    node.nlink--;
    node.ctimeNs = this.clockNs();
    if (node.nlink === 0 && node.writers === 0) this.free.push(node.id);
    this.stampDir(dir);
    this.observer({ kind: 'vanished', path, node, left: node.nlink }, actor);
  }

  unlink(path: string, actor: Actor): void {
    const [dir, name] = this.parent(path, 'unlink');
    const node = dir.names.get(name) ?? this.fail('ENOENT', 'unlink', path);
    if (node.kind === 'directory') this.fail('EISDIR', 'unlink', path);
    this.drop(dir, name, path, actor);
  }

  rmdir(path: string, actor: Actor): void {
    const [dir, name] = this.parent(path, 'rmdir');
    const node = dir.names.get(name) ?? this.fail('ENOENT', 'rmdir', path);
    if (node.kind !== 'directory') this.fail('ENOTDIR', 'rmdir', path);
    if (node.names.size > 0) this.fail('ENOTEMPTY', 'rmdir', path);
    this.drop(dir, name, path, actor);
  }

  link(from: string, to: string, actor: Actor): void {
    const node = this.find(from, 'link');
    if (node.kind === 'directory') this.fail('EPERM', 'link', from);
    const [dir, name] = this.parent(to, 'link');
    if (dir.names.has(name)) this.fail('EEXIST', 'link', to);
    this.add(dir, name, node);
    node.ctimeNs = this.clockNs();
    this.observer({ kind: 'appeared', path: to, node }, actor);
  }

  rename(from: string, to: string, replace: boolean, actor: Actor): void {
    const [source, fromName] = this.parent(from, 'rename');
    const node = source.names.get(fromName) ?? this.fail('ENOENT', 'rename', from);
    const [target, toName] = this.parent(to, 'rename');
    const there = target.names.get(toName);
    if (there !== undefined && !replace) this.fail('EEXIST', 'rename', to);
    // Two names of one inode: nothing happens, and that is a success.
    if (there === node) return;
    if (node.kind === 'directory' && `${to}/`.startsWith(`${from}/`)) this.fail('EINVAL', 'rename', to);
    if (there !== undefined) {
      if (there.kind === 'directory') {
        if (node.kind !== 'directory') this.fail('EISDIR', 'rename', to);
        if (there.names.size > 0) this.fail('ENOTEMPTY', 'rename', to);
      } else if (node.kind === 'directory') this.fail('ENOTDIR', 'rename', to);
      this.drop(target, toName, to, actor);
    }
    source.names.delete(fromName);
    this.stampDir(source);
    target.names.set(toName, node);
    this.stampDir(target);
    node.ctimeNs = this.clockNs();
    this.observer({ kind: 'renamed', from, path: to, node }, actor);
  }

  exchange(a: string, b: string, actor: Actor): void {
    const [dirA, nameA] = this.parent(a, 'rename');
    const [dirB, nameB] = this.parent(b, 'rename');
    const one = dirA.names.get(nameA) ?? this.fail('ENOENT', 'rename', a);
    const two = dirB.names.get(nameB) ?? this.fail('ENOENT', 'rename', b);
    if (one === two) return;
    dirA.names.set(nameA, two);
    dirB.names.set(nameB, one);
    this.stampDir(dirA);
    this.stampDir(dirB);
    one.ctimeNs = this.clockNs();
    two.ctimeNs = this.clockNs();
    this.observer({ kind: 'renamed', from: a, path: b, node: one }, actor);
    this.observer({ kind: 'renamed', from: b, path: a, node: two }, actor);
  }

  write(node: Inode, at: number, bytes: string, actor: Actor): void {
    const { text: before, mtimeNs: beforeNs } = node;
    node.text = before.padEnd(at, '\0').slice(0, at) + bytes + before.slice(at + bytes.length);
    this.stampDir(node);
    this.observer({ kind: 'written', node, before, beforeNs }, actor);
  }

  truncate(node: Inode, size: number, actor: Actor): void {
    const { text: before, mtimeNs: beforeNs } = node;
    node.text = before.padEnd(size, '\0').slice(0, size);
    this.stampDir(node);
    this.observer({ kind: 'written', node, before, beforeNs }, actor);
  }

  chmod(path: string, node: Inode, mode: number, actor: Actor): void {
    node.mode = mode & 0o7777;
    node.ctimeNs = this.clockNs();
    this.observer({ kind: 'touched', path, node }, actor);
  }

  setMtime(path: string, node: Inode, mtimeNs: bigint, actor: Actor): void {
    node.mtimeNs = mtimeNs;
    node.ctimeNs = this.clockNs();
    this.observer({ kind: 'touched', path, node }, actor);
  }
}
