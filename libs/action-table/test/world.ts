/**
 * A pair in memory, just enough to carry plans out: two trees, their trashes, the base. Steps are taken as the replicas
 * take them, with their preconditions; what goes to a trash keeps its content.
 */
import {
  ABSENT,
  type BaseChange,
  type BaseRecord,
  type Entry,
  type FileStat,
  type Identity,
  identityOf,
  isBelow,
  isOwn,
  isSameOrBelow,
  joinPath,
  nameOf,
  parentOf,
  type RelPath,
  rebase,
  recordIdentity,
  relPath,
  type Side,
  type Step,
  type StepOutcome,
  sameEntry,
  sameIdentity,
  stubTarget,
} from '@lazysync/event-model';
import { ANCHOR } from './build.ts';

export interface Node {
  readonly entry: Entry;
  readonly content?: string;
}

export type Tree = Map<RelPath, Node>;

/** Rows as the base keeps them, tombstones among them. */
export class Rows {
  readonly rows = new Map<RelPath, BaseRecord>();
  readonly conflicts: RelPath[] = [];
  readonly tombstones: { readonly path: RelPath; readonly trashed: RelPath }[] = [];
  readonly #moved = new Map<RelPath, RelPath>();

  get(path: RelPath): BaseRecord | null {
    return this.rows.get(path) ?? null;
  }

  below(path: RelPath): BaseRecord[] {
    return [...this.rows.values()].filter((row) => isBelow(row.path, path));
  }

  withIdentity(identity: Identity): BaseRecord[] {
    return [...this.rows.values()].filter((row) => sameIdentity(recordIdentity(row), identity));
  }

  tombstone(path: RelPath): RelPath | null {
    for (const one of this.tombstones.toReversed()) {
      if (!isSameOrBelow(path, one.path)) continue;
      const lies = rebase(path, one.path, one.trashed);
      if (this.rows.has(lies)) return lies;
    }
    return null;
  }

  movedFrom(path: RelPath): RelPath | null {
    for (let at = path; at !== ''; at = parentOf(at)) {
      const from = this.#moved.get(at);
      if (from !== undefined) return rebase(path, at, from);
    }
    return null;
  }

  apply(changes: readonly BaseChange[]): void {
    for (const change of changes) {
      switch (change.kind) {
        case 'put':
          if (change.record.kind !== 'directory') this.#forget(change.record.path);
          this.rows.set(change.record.path, change.record);
          break;
        case 'forget':
          this.#forget(change.path);
          break;
        case 'move':
          this.#moved.set(change.to, this.#ledTo(change.from));
          this.#move(change.from, change.to);
          break;
        case 'bury':
          this.#move(change.path, change.trashed);
          this.tombstones.push({ path: change.path, trashed: change.trashed });
          break;
        case 'leads':
          this.#moved.set(change.path, change.to);
          break;
        case 'repointed':
          for (const path of [...this.#moved.keys()]) if (isSameOrBelow(path, change.path)) this.#moved.delete(path);
          break;
        case 'conflict':
          this.#forget(change.path);
          this.conflicts.push(change.conflict);
          break;
      }
    }
  }

  #forget(path: RelPath): void {
    for (const at of [...this.rows.keys()]) if (isSameOrBelow(at, path)) this.rows.delete(at);
  }

  #move(from: RelPath, to: RelPath): void {
    this.#forget(to);
    for (const row of [...this.rows.values()]) {
      if (!isSameOrBelow(row.path, from)) continue;
      this.rows.delete(row.path);
      const path = rebase(row.path, from, to);
      this.rows.set(path, { ...row, path });
    }
  }

  #ledTo(path: RelPath): RelPath {
    const before = this.movedFrom(path);
    if (before !== null) return before;
    const buried = this.tombstones.find((one) => isSameOrBelow(path, one.trashed));
    return buried === undefined ? path : rebase(path, buried.trashed, buried.path);
  }
}

function take(tree: Tree, from: RelPath, to: RelPath): void {
  for (const [path, node] of [...tree]) {
    if (!isSameOrBelow(path, from)) continue;
    tree.delete(path);
    tree.set(rebase(path, from, to), node);
  }
}

/** NTP-quiet clock of the world, ns: later than every mtime in it by more than the racy window. */
export const NOW_NS = 1_000_000n * 1_000_000_000n;

export class World {
  readonly local: Tree = new Map();
  readonly remote: Tree = new Map();
  readonly base = new Rows();
  #ino = 1_000n;
  #trash = 0;

  look(side: Side, path: RelPath): Entry {
    return this[side].get(path)?.entry ?? ABSENT;
  }

  content(side: Side, path: RelPath): string | null {
    const node = this[side].get(path);
    if (node === undefined) return null;
    if (node.entry.kind === 'symlink') return `link ${node.entry.target}`;
    return node.entry.kind === 'file' ? (node.content ?? null) : null;
  }

  names(side: Side, dir: RelPath): RelPath[] {
    return [...this[side].keys()].filter((path) => parentOf(path) === dir);
  }

  identity(): Identity {
    this.#ino++;
    return { dev: 1n, ino: this.#ino, birthNs: this.#ino };
  }

  /** Every content that can be found, trashes included. */
  census(): Set<string> {
    const found = new Set<string>();
    for (const side of ['local', 'remote'] as const) {
      for (const path of this[side].keys()) {
        const content = this.content(side, path);
        if (content !== null) found.add(content);
      }
    }
    return found;
  }

  #discard(side: Side, path: RelPath): RelPath {
    this.#trash++;
    const trashed = relPath(`.lazysync/trash/${this.#trash}/${path}`);
    take(this[side], path, trashed);
    return trashed;
  }

  #stub(path: RelPath): Entry {
    return { kind: 'stub', target: stubTarget(ANCHOR, path), points: path, identity: this.identity() };
  }

  #hasParent(side: Side, path: RelPath): boolean {
    const parent = parentOf(path);
    return parent === '' || isOwn(path) || this.look(side, parent).kind === 'directory';
  }

  carryOut(step: Step): StepOutcome {
    const tree = this[step.side];
    const saw = this.look(step.side, step.kind === 'move' || step.kind === 'copy' ? step.from : step.path);
    const stale = (): StepOutcome => ({ kind: 'stale', saw: this.look(step.side, step.path) });
    if ('expected' in step && !sameEntry(step.expected, saw)) return { kind: 'stale', saw };
    if (!this.#hasParent(step.side, step.path)) return { kind: 'stale', saw: ABSENT };
    const done = (entry: Entry, content?: string): StepOutcome => {
      tree.set(step.path, content === undefined ? { entry } : { entry, content });
      return { kind: 'done', after: entry };
    };
    switch (step.kind) {
      case 'make-stub':
        return saw.kind === 'absent' ? done(this.#stub(step.path)) : stale();
      case 'make-directory':
        return saw.kind === 'absent'
          ? done({ kind: 'directory', mode: step.mode, identity: this.identity() })
          : stale();
      case 'make-symlink':
        return saw.kind === 'absent' ? done({ kind: 'symlink', target: step.target }) : stale();
      case 'upload': {
        const from = this.local.get(step.path);
        if (from?.entry.kind !== 'file' || from.content === undefined) return stale();
        if (saw.kind !== 'absent') this.#discard('remote', step.path);
        const { size, mtimeNs, mode } = step.source;
        const after = done({ kind: 'file', stat: this.#stat({ size, mtimeNs, mode }) }, from.content);
        return { ...after, hash: from.content, source: from.entry.stat } as StepOutcome;
      }
      case 'dehydrate':
        if (step.keep) this.#discard('local', step.path);
        return done(this.#stub(step.path));
      case 'repoint':
        return done(this.#stub(step.path));
      case 'remove': {
        if (saw.kind === 'directory') {
          if (this.names(step.side, step.path).length > 0) return this.#notEmpty(step);
          tree.delete(step.path);
          return { kind: 'done', after: ABSENT };
        }
        if (saw.kind === 'stub') {
          tree.delete(step.path);
          return { kind: 'done', after: ABSENT };
        }
        return { kind: 'done', after: ABSENT, trashed: this.#discard(step.side, step.path) };
      }
      case 'move':
        if (this.look(step.side, step.path).kind !== 'absent') return stale();
        take(tree, step.from, step.path);
        return { kind: 'done', after: this.look(step.side, step.path) };
      case 'copy': {
        if (this.look('remote', step.path).kind !== 'absent') return stale();
        const from = this.remote.get(step.from);
        if (from?.entry.kind !== 'file') return stale();
        return done({ kind: 'file', stat: this.#stat(from.entry.stat) }, from.content);
      }
      case 'set-metadata': {
        if (saw.kind === 'directory') return done({ ...saw, mode: step.mode });
        if (saw.kind !== 'file') return stale();
        const mtimeNs = step.mtimeNs ?? saw.stat.mtimeNs;
        const stat = { ...saw.stat, mode: step.mode, mtimeNs, ctimeNs: saw.stat.ctimeNs + 1n };
        return done({ kind: 'file', stat }, tree.get(step.path)?.content);
      }
      case 'hydrate':
        return stale();
    }
  }

  #stat({ size, mtimeNs, mode }: Pick<FileStat, 'size' | 'mtimeNs' | 'mode'>): FileStat {
    return { ...this.identity(), size, mtimeNs, mode, ctimeNs: mtimeNs };
  }

  #notEmpty(step: Step): StepOutcome {
    const { path, side } = step;
    return { kind: 'failed', problem: { code: 'not-empty', path, side, message: 'It is not empty.' } };
  }

  /** A free name in the folder of `path`. */
  freeName(path: RelPath): RelPath {
    for (let n = 1; ; n++) {
      const name = joinPath(parentOf(path), `${nameOf(path)} (conflict${n > 1 ? ` ${n}` : ''})`);
      if (!this.local.has(name) && !this.remote.has(name)) return name;
    }
  }

  originIdentity(path: RelPath): Identity | null {
    return identityOf(this.look('local', path));
  }
}
