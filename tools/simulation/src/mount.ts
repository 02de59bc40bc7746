/**
 * A tree as one client sees it: straight (a local disk), or through a mount that cuts times to its step, knows no
 * identities, forgets its inode numbers when it is mounted anew, shows old attributes for a while, and fails.
 */
import { FsError, type FsPort, type OpenFile, type RawStat } from '@lazysync/replica';
import type { Owner, Scheduler } from './scheduler.ts';
import type { Inode, Tree } from './tree.ts';

export interface MountOptions {
  readonly dev: bigint;
  /** Times are cut to this many ns. */
  readonly stepNs: bigint;
  /** Inode numbers, ctimes and birth times are the tree's own; else they are made up by the mount. */
  readonly identity: boolean;
  /** RENAME_NOREPLACE and RENAME_EXCHANGE. */
  readonly renameFlags: boolean;
  readonly hardLinks: boolean;
  /** For how long attributes and listings may be old, ms. */
  readonly cacheMs: number;
  /** Simulated time of one call, ms. */
  readonly cost: number;
}

export type FaultCode = 'EIO' | 'ENOSPC' | 'EACCES';

export interface Fault {
  readonly code: FaultCode;
  /** Calls on this path or below it fail; '' is every path. */
  readonly path: string;
  /** So many of these calls go well before. */
  skip: number;
  left: number;
}

interface Cached {
  readonly at: number;
  readonly stat: RawStat;
}

const WRITES: ReadonlySet<string> = new Set(['mkdir', 'symlink', 'link', 'create', 'write']);

export class Mount {
  tree: Tree;
  readonly options: MountOptions;
  faults: Fault[] = [];
  /** Faults that came true. */
  failed = 0;
  /** Looks that were answered with what is not true any more. */
  stale = 0;
  private readonly scheduler: Scheduler;
  private numbers = new Map<string, bigint>();
  private nextNumber = 1_000n;
  private stats = new Map<string, Cached>();
  private listings = new Map<string, { readonly at: number; readonly names: readonly string[] }>();

  constructor(tree: Tree, options: MountOptions, scheduler: Scheduler) {
    this.tree = tree;
    this.options = options;
    this.scheduler = scheduler;
  }

  /** Mounted anew: nothing is remembered, and other files get the numbers that were known. */
  remount(): void {
    const old = [...this.numbers.values()];
    this.numbers = new Map();
    // The same small numbers are dealt again, so that a pairing by number alone goes wrong.
    this.nextNumber = old.length > 2 ? 1_001n : 1_000n;
    this.forget();
  }

  forget(): void {
    this.stats.clear();
    this.listings.clear();
  }

  private number(path: string, node: Inode): bigint {
    if (this.options.identity) return BigInt(node.id);
    const known = this.numbers.get(path);
    if (known !== undefined) return known;
    const fresh = this.nextNumber++;
    this.numbers.set(path, fresh);
    return fresh;
  }

  cut(ns: bigint): bigint {
    return ns - (ns % this.options.stepNs);
  }

  private show(path: string, node: Inode): RawStat {
    const { identity, dev } = this.options;
    const mtimeNs = this.cut(node.mtimeNs);
    return {
      kind: node.kind,
      size: node.kind === 'directory' ? 0 : node.text.length,
      mtimeNs,
      ctimeNs: identity ? node.ctimeNs : mtimeNs,
      atimeNs: this.cut(node.atimeNs),
      birthNs: identity ? node.birthNs : 0n,
      mode: node.mode,
      dev,
      ino: this.number(path, node),
      nlink: node.nlink,
    };
  }

  private fresh(at: number): boolean {
    return this.scheduler.now() - at < this.options.cacheMs;
  }

  private remember(path: string, node: Inode): RawStat {
    const stat = this.show(path, node);
    if (this.options.cacheMs > 0) this.stats.set(path, { at: this.scheduler.now(), stat });
    return stat;
  }

  /** What was changed through this mount is not cached. */
  invalidate(path: string): void {
    if (this.options.cacheMs === 0) return;
    for (const known of this.stats.keys()) if (known === path || known.startsWith(`${path}/`)) this.stats.delete(known);
    for (const known of this.listings.keys()) {
      if (known === path || known.startsWith(`${path}/`)) this.listings.delete(known);
    }
    const cut = path.lastIndexOf('/');
    this.listings.delete(cut < 0 ? '' : path.slice(0, cut));
    this.stats.delete(cut < 0 ? '' : path.slice(0, cut));
  }

  private check(call: string, ...paths: readonly string[]): void {
    for (const fault of this.faults) {
      if (fault.left <= 0) continue;
      if (fault.code === 'ENOSPC' && !WRITES.has(call)) continue;
      for (const path of paths) {
        if (fault.path !== '' && path !== fault.path && !path.startsWith(`${fault.path}/`)) continue;
        if (fault.skip-- > 0) continue;
        fault.left--;
        this.failed++;
        throw new FsError(fault.code, call, path);
      }
    }
  }

  private lstat(path: string): RawStat {
    this.check('lstat', path);
    const known = this.stats.get(path);
    if (known !== undefined && this.fresh(known.at)) {
      const node = this.tree.peek(path);
      if (node === null || node.mtimeNs - known.stat.mtimeNs > this.options.stepNs) this.stale++;
      return known.stat;
    }
    return this.remember(path, this.tree.find(path, 'lstat'));
  }

  private readdir(path: string): readonly string[] {
    this.check('readdir', path);
    const known = this.listings.get(path);
    if (known !== undefined && this.fresh(known.at)) return known.names;
    const node = this.tree.find(path, 'readdir');
    if (node.kind === 'symlink') throw new FsError('ELOOP', 'readdir', path);
    if (node.kind !== 'directory') throw new FsError('ENOTDIR', 'readdir', path);
    const names = [...node.names.keys()];
    if (this.options.cacheMs > 0) {
      this.listings.set(path, { at: this.scheduler.now(), names });
      // A listing of such a mount brings the attributes along.
      for (const [name, child] of node.names) this.remember(path === '' ? name : `${path}/${name}`, child);
    }
    return names;
  }

  private file(path: string): Inode {
    this.check('open', path);
    const node = this.tree.find(path, 'open');
    if (node.kind === 'directory') throw new FsError('EISDIR', 'open', path);
    if (node.kind === 'symlink') throw new FsError('ELOOP', 'open', path);
    if (node.kind !== 'file') throw new FsError('ENXIO', 'open', path);
    return node;
  }

  private unsupported(call: string, path: string): void {
    if (!this.options.renameFlags) throw new FsError('EINVAL', call, path);
  }

  /** The interface under the program, for one of its processes; `actor` is the client's name. */
  port(owner: Owner, actor: string): FsPort {
    const { cost } = this.options;
    const { scheduler } = this;
    const turn = <T>(call: () => T): Promise<T> => scheduler.turn(owner, cost, call);
    const changing = (paths: readonly string[], call: string, act: () => void): Promise<void> =>
      turn(() => {
        this.check(call, ...paths);
        try {
          act();
        } finally {
          for (const path of paths) this.invalidate(path);
        }
      });
    // A descriptor stays with the tree it was opened in, whatever is mounted there by now.
    const open = (path: string, node: Inode, tree: Tree = this.tree): OpenFile => ({
      stat: () => turn(() => this.show(path, node)),
      known: () => turn(() => this.show(path, node)),
      read: (into, at) =>
        turn(() => {
          this.check('read', path);
          // A piece at a time, so that a file may change while it is read.
          const piece = node.text.slice(at, at + Math.min(into.length, Math.max(8, node.text.length >> 1)));
          for (let i = 0; i < piece.length; i++) into[i] = piece.charCodeAt(i);
          return piece.length;
        }),
      write: (bytes, at) =>
        changing([path], 'write', () => tree.write(node, at, Buffer.from(bytes).toString('latin1'), actor)),
      truncate: (size) => changing([path], 'write', () => tree.truncate(node, size, actor)),
      chmod: (mode) => changing([path], 'chmod', () => tree.chmod(path, node, mode, actor)),
      setMtime: (mtimeNs) => changing([path], 'setMtime', () => tree.setMtime(path, node, this.cut(mtimeNs), actor)),
      sync: () => turn(() => undefined),
      close: () => turn(() => undefined),
    });
    return {
      lstat: (path) => turn(() => this.lstat(path)),
      readlink: (path) =>
        turn(() => {
          this.check('readlink', path);
          const node = this.tree.find(path, 'readlink');
          if (node.kind !== 'symlink') throw new FsError('EINVAL', 'readlink', path);
          return node.text;
        }),
      readdir: (path) => turn(() => this.readdir(path).map((name) => ({ name, utf8: true }))),
      mkdir: (path, mode) => changing([path], 'mkdir', () => void this.tree.make(path, 'directory', '', mode, actor)),
      rmdir: (path) => changing([path], 'rmdir', () => this.tree.rmdir(path, actor)),
      unlink: (path) => changing([path], 'unlink', () => this.tree.unlink(path, actor)),
      symlink: (target, path) =>
        changing([path], 'symlink', () => void this.tree.make(path, 'symlink', target, 0o777, actor)),
      link: (from, to) =>
        changing([from, to], 'link', () => {
          if (!this.options.hardLinks) throw new FsError('EPERM', 'link', to);
          this.tree.link(from, to, actor);
        }),
      rename: (from, to) => changing([from, to], 'rename', () => this.tree.rename(from, to, true, actor)),
      renameNoReplace: (from, to) =>
        changing([from, to], 'rename', () => {
          this.unsupported('rename', from);
          this.tree.rename(from, to, false, actor);
        }),
      exchange: (a, b) =>
        changing([a, b], 'rename', () => {
          this.unsupported('rename', a);
          this.tree.exchange(a, b, actor);
        }),
      chmod: (path, mode) =>
        changing([path], 'chmod', () => {
          const node = this.tree.find(path, 'chmod');
          if (node.kind === 'symlink') throw new FsError('EOPNOTSUPP', 'chmod', path);
          this.tree.chmod(path, node, mode, actor);
        }),
      setMtime: (path, mtimeNs) =>
        changing([path], 'setMtime', () =>
          this.tree.setMtime(path, this.tree.find(path, 'setMtime'), this.cut(mtimeNs), actor),
        ),
      touchDirectory: (path) =>
        changing([path], 'touch', () => {
          if (this.tree.find(path, 'touch').kind !== 'directory') throw new FsError('ENOTDIR', 'touch', path);
        }),
      setLinkAtime: (path, atimeNs) =>
        turn(() => {
          this.tree.find(path, 'setLinkAtime').atimeNs = atimeNs;
        }),
      openRead: (path) => turn(() => open(path, this.file(path))),
      reopen: (path) => turn(() => open(path, this.file(path))),
      create: (path, mode) =>
        turn(() => {
          this.check('create', path);
          const node = this.tree.make(path, 'file', '', mode, actor);
          this.invalidate(path);
          return open(path, node);
        }),
      openForWriting: (path) =>
        turn(() => {
          const node = this.file(path);
          if (!this.options.identity) return 'unknown';
          return node.writers > 0 ? 'yes' : 'no';
        }),
      syncDirectory: () => turn(() => undefined),
    };
  }
}
