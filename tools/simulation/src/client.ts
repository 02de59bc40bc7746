/**
 * One client: the real worker of a pair on simulated trees, its lane, its watcher, and what may befall its processes.
 * What a kill takes with it is all that is only in memory; base, lane and trees stay.
 */
import { createHash } from 'node:crypto';
import { conflictPath, diffListing } from '@lazysync/action-table';
import { type Base, openBase } from '@lazysync/base';
import {
  anchorOf,
  type ChangeEvent,
  type ChangeKind,
  type Changeset,
  type CommandName,
  decodeChangeset,
  joinPath,
  type RelPath,
  ROOT,
  type Side,
  type Step,
  type SyncEvent,
} from '@lazysync/event-model';
import {
  createReplica,
  FsError,
  list,
  type Order,
  RemoteOffline,
  type Replica,
  type RootState,
  type TellProgress,
} from '@lazysync/replica';
import { createHolds, createHydration, type PairPorts, type WorkingPair, workPair } from '@lazysync/sync-worker/pair';
import { isOwnPath } from './census.ts';
import { Mount, type MountOptions } from './mount.ts';
import type { Random } from './random.ts';
import type { Owner, Scheduler } from './scheduler.ts';
import { packAtServer, unpackAtServer } from './server.ts';
import { Tree } from './tree.ts';

/** How the watcher's events go astray, as chances. */
export interface Hints {
  readonly lose: number;
  readonly double: number;
  readonly late: number;
  readonly shuffle: boolean;
  readonly wrongKind: number;
  /** What is told at one moment comes as two jobs. */
  readonly cut: number;
}

/** A bug put in from outside, so that a test can tell whether it would be found. */
export interface Plant {
  /** The ports as the worker gets them, anew at each of its starts. */
  readonly ports?: (ports: PairPorts, client: Client) => PairPorts;
  /** The job at the head was acknowledged. */
  readonly acknowledged?: () => void;
  /** Is this hint swallowed by the watcher? */
  readonly deaf?: (side: Side, path: string, client: Client) => boolean;
}

export interface ClientOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Decides what people do. */
  readonly people: Random;
  readonly remoteTree: Tree;
  readonly mount: MountOptions;
  readonly hints: Hints;
  readonly width: number;
  readonly trace: (line: string) => void;
  readonly bug: (error: unknown) => void;
  readonly violate: (promise: string, what: string) => void;
  /** The call at which somebody put something under that path of the remote last; -1: nobody ever did. */
  readonly placedAt: (path: string) => number;
  readonly capture: boolean;
  /** Somebody beside the remote's disk unpacks. */
  readonly served: boolean;
  /** New folders go up as a whole. */
  readonly whole: boolean;
  readonly plant?: Plant;
}

const LOCAL: MountOptions = {
  dev: 1n,
  stepNs: 1n,
  identity: true,
  renameFlags: true,
  hardLinks: true,
  cacheMs: 0,
  cost: 0.05,
};
export const UUID = { local: 'uuid-local', remote: 'uuid-remote' };
const SETTLE_MS = 200;
/** Contents are a few dozen bytes long: about half of them go up beside the lane. */
const INLINE = 12;

export function isIgnored(path: RelPath): boolean {
  return isOwnPath(path) || path.split('/').some((name) => name.endsWith('.ign'));
}

/** Gives a tree its own folder, as `prepare` does. */
export function prepareRoot(tree: Tree, uuid: string): void {
  tree.make('.lazysync', 'directory', '', 0o700, 'setup');
  tree.make('.lazysync/stage', 'directory', '', 0o700, 'setup');
  tree.make('.lazysync/trash', 'directory', '', 0o700, 'setup');
  tree.make('.lazysync/root.json', 'file', uuid, 0o600, 'setup');
}

/** What is counted when a step was done. */
function nameOf(step: Step): string {
  if (step.kind === 'make-directory' && step.filled === true) return 'whole folder';
  if (step.kind !== 'move') return `${step.kind} ${step.side}`;
  if (isOwnPath(step.from)) return 'restore';
  if (isOwnPath(step.path)) return `to the trash ${step.side}`;
  return step.path.includes('(conflict ') && !step.from.includes('(conflict ') ? 'conflict' : `move ${step.side}`;
}

export class Client {
  readonly name: string;
  readonly local: Tree;
  readonly localRoot: string;
  readonly anchor: string;
  readonly localMount: Mount;
  readonly remoteMount: Mount;
  readonly base: Base;
  /** All steps that came to something. */
  steps = 0;
  readonly counts = new Map<string, number>();
  /** Paths that a step is at work on right now, with the program's calls when it began. */
  readonly busy = new Map<string, number>();
  /** What was in `busy` at the last kill: a call on its way then may land after it. */
  killed = new Map<string, number>();
  /** Most paths that steps were at work on at one moment. */
  together = 0;
  offline = false;
  anchorUp = true;
  /** Jobs that were carried out, to be run again. */
  readonly done: Changeset[] = [];
  jobs: Changeset[] = [];

  private readonly it: ClientOptions;
  private worker: Owner;
  private endpoint: Owner;
  private readonly watcher: Owner;
  private working: WorkingPair | null = null;
  private running = false;
  /** The call at which the job that runs began. */
  private jobSince = 0;
  private readonly own = new Map<string, number>();
  /** Is a step at work on this path, or was one within the settle window? */
  ownUntil(path: string): boolean {
    return this.busy.has(path) || this.it.scheduler.now() - (this.own.get(path) ?? -Infinity) < SETTLE_MS;
  }
  /** The job that is being carried out. */
  get job(): Changeset | null {
    return this.running ? (this.jobs[0] ?? null) : null;
  }
  private pendingRemote = new Set<(error: Error) => void>();
  private remoteReplica: Replica | null = null;
  private readonly progress = new Set<TellProgress>();
  private hints = new Map<string, ChangeEvent>();
  private late: SyncEvent[] = [];
  private flushing = false;
  private slots = 0;
  private conflicts = 1;
  /** To the next question. */
  private answer: 'approve' | 'reject' | null = null;
  private lastConflict = '';

  constructor(options: ClientOptions) {
    this.it = options;
    this.name = options.name;
    const clock = (): bigint => BigInt(Math.round(options.scheduler.now() * 1e6));
    this.local = new Tree(options.name, clock);
    this.localRoot = `/home/${options.name}`;
    this.anchor = anchorOf(this.localRoot);
    prepareRoot(this.local, UUID.local);
    this.local.make('.lazysync/remote', 'symlink', '/mnt/remote', 0o777, 'setup');
    this.localMount = new Mount(this.local, LOCAL, options.scheduler);
    this.remoteMount = new Mount(options.remoteTree, options.mount, options.scheduler);
    this.base = openBase(':memory:');
    this.base.setMeta(
      'probe-remote',
      JSON.stringify({ mtimeStepNs: String(options.mount.stepNs), listingCacheMs: options.mount.cacheMs }),
    );
    this.worker = { name: `${this.name} worker`, dead: true };
    this.endpoint = { name: `${this.name} endpoint`, dead: false };
    this.watcher = { name: `${this.name} watcher`, dead: false };
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  private now(): number {
    return Math.floor(this.it.scheduler.now());
  }

  // ---- the worker's processes ----

  /** A kill of the worker, and a start of a new one. */
  crash(loseLane: boolean): void {
    this.it.trace(`${this.name} killed${loseLane ? ', the lane is lost' : ''}`);
    this.die();
    if (loseLane) {
      this.jobs = [];
      this.jobs.push(this.changeset([{ kind: 'rescan', side: 'local', path: ROOT, why: 'start' }]));
    }
    this.start();
  }

  die(): void {
    this.worker.dead = true;
    this.endpoint.dead = true;
    this.pendingRemote.clear();
    this.running = false;
    this.working = null;
    this.killed = new Map(this.busy);
    this.busy.clear();
  }

  start(): void {
    this.worker = { name: `${this.name} worker`, dead: false };
    this.endpoint = { name: `${this.name} endpoint`, dead: this.offline };
    this.remoteReplica = null;
    const owner = this.worker;
    const ports = this.ports(owner);
    const begin = async (): Promise<void> => {
      try {
        const working = await workPair(this.it.plant?.ports?.(ports, this) ?? ports, {
          boot: 'sim',
          offline: async () => {
            this.anchorUp = false;
          },
          online: async () => {
            this.anchorUp = true;
          },
        });
        if (owner.dead) return;
        this.working = working;
        this.kick();
      } catch (error) {
        if (owner.dead) return;
        // The worker ends and is started anew, as `up` does.
        if (error instanceof RemoteOffline || error instanceof FsError)
          this.it.scheduler.after(owner, 1_000, () => this.restart(owner));
        else this.it.bug(error);
      }
    };
    begin().catch((error: unknown) => this.it.bug(error));
  }

  private restart(owner: Owner): void {
    if (owner.dead) return;
    this.die();
    this.start();
  }

  outage(): void {
    if (this.offline) return;
    this.it.trace(`${this.name} remote offline`);
    this.offline = true;
    this.endpoint.dead = true;
    for (const reject of [...this.pendingRemote]) reject(new RemoteOffline('the mount does not answer'));
    this.pendingRemote.clear();
  }

  heal(): void {
    if (!this.offline) return;
    this.it.trace(`${this.name} remote back`);
    this.offline = false;
    this.endpoint = { name: `${this.name} endpoint`, dead: false };
    this.remoteReplica = null;
    this.remoteMount.forget();
    // As the endpoint's beats tell: also when no job asks for it.
    this.working?.remote({ kind: 'answers' }).catch((error: unknown) => {
      if (!(error instanceof FsError)) this.it.bug(error);
    });
  }

  private mortalBase(owner: Owner): Base {
    const { base } = this;
    const alive =
      <A extends unknown[]>(act: (...args: A) => void) =>
      (...args: A): void => {
        if (!owner.dead) act(...args);
      };
    return {
      ...base,
      begin: alive(base.begin),
      record: alive(base.record),
      putTransfer: alive(base.putTransfer),
      dropTransfer: alive(base.dropTransfer),
      putProblem: alive(base.putProblem),
      clearProblem: alive(base.clearProblem),
      clearProblemsBelow: alive(base.clearProblemsBelow),
      putConflict: alive(base.putConflict),
      setMeta: alive(base.setMeta),
      putCommand: (id, result) => {
        if (!owner.dead) base.putCommand(id, result);
      },
    };
  }

  private makeReplica(side: Side, owner: Owner): Replica {
    const { scheduler } = this.it;
    const here = side === 'local' ? this.localMount : this.remoteMount;
    const there = side === 'local' ? this.remoteMount : this.localMount;
    const check = (): Promise<RootState> =>
      scheduler.turn(owner, here.options.cost, () =>
        here.tree.peek('.lazysync/root.json')?.text === UUID[side]
          ? { kind: 'ok' }
          : { kind: 'not-ours', message: `The ${side} folder does not carry its marker.` },
      );
    return createReplica({
      side,
      fs: here.port(owner, this.name),
      peer: there.port(owner, this.name),
      anchors: () => [this.anchor],
      clock: { now: () => this.now(), elapsed: () => this.now(), sleep: () => Promise.resolve() },
      parallel: side === 'local' ? 1 : 4,
      exact: side === 'local',
      root: {
        prepare: () => Promise.reject(new Error('the roots are prepared')),
        check,
      },
      progress: (slot, bytes, part) => {
        if (part !== undefined) this.count('part kept');
        for (const listen of this.progress) listen(slot, bytes, part);
      },
      // Contents are a few dozen bytes long: a download is some pieces, too.
      steps: { range: 8, part: 8, settled: this.it.mount.stepNs > 1n ? 3_000 : 1 },
      close: () => Promise.resolve(),
    });
  }

  /** Every call ends with RemoteOffline when the remote stops to answer, whatever became of it over there. */
  private overMount(owner: Owner): Replica {
    const call = <T>(act: (replica: Replica) => Promise<T>): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        if (owner.dead) return;
        if (this.offline) {
          this.it.scheduler.after(owner, 15_000, () => reject(new RemoteOffline('the mount does not answer')));
          return;
        }
        this.remoteReplica ??= this.makeReplica('remote', this.endpoint);
        this.pendingRemote.add(reject);
        act(this.remoteReplica).then(
          (value) => {
            this.pendingRemote.delete(reject);
            if (!owner.dead) resolve(value);
          },
          (error: unknown) => {
            this.pendingRemote.delete(reject);
            if (!owner.dead) reject(error as Error);
          },
        );
      });
    return {
      side: 'remote',
      prepare: (marker) => call((it) => it.prepare(marker)),
      check: (uuid) => call((it) => it.check(uuid)),
      look: (paths) => call((it) => it.look(paths)),
      freshLook: (paths) => call((it) => it.freshLook(paths)),
      list: (queries) => call((it) => it.list(queries)),
      hash: (path, expected) => call((it) => it.hash(path, expected)),
      makeRoom: () => call((it) => it.makeRoom()),
      stage: (order) => {
        if (order.part != null) this.count('upload gone on with');
        return call((it) => it.stage(order));
      },
      stageFolder: (under, mode) => call((it) => it.stageFolder(under, mode)),
      pack: (slot, orders, wish) => call((it) => it.pack(slot, orders, wish)),
      forgetListings: (folders) => call((it) => it.forgetListings(folders)),
      withdraw: (slot) => {
        this.count('pack withdrawn');
        return call((it) => it.withdraw(slot));
      },
      carryOut: (orders) => call((it) => it.carryOut(orders)),
      recover: (orders) => call((it) => it.recover(orders)),
      fetch: (order) => {
        if (order.part != null) this.count('download gone on with');
        return call((it) => it.fetch(order));
      },
      makeEmptyPack: (slot) => call((it) => it.makeEmptyPack(slot)),
      fetchPack: (request, wish) => call((it) => it.fetchPack(request, wish)),
      leaveOff: (slot, unless) => {
        this.count('download left off');
        return call((it) => it.leaveOff(slot, unless));
      },
      discard: (slots) => call((it) => it.discard(slots)),
      stagedNames: () => call((it) => it.stagedNames()),
      leaveBehind: (paths) => call((it) => it.leaveBehind(paths)),
      purge: (slots) => call((it) => it.purge(slots)),
      close: () => Promise.resolve(),
    };
  }

  /** Notes every step: what is at work, and what came of it. */
  private watched(replica: Replica): Replica {
    const note = (step: Step, outcome: string): void => {
      const from = step.kind === 'move' || step.kind === 'copy' ? ` from ${step.from}` : '';
      this.it.trace(`${this.name} ${step.kind} ${step.side} ${step.path}${from}: ${outcome}`);
    };
    const pathsOf = (step: Step): string[] =>
      step.kind === 'move' || step.kind === 'copy' ? [step.path, step.from] : [step.path];
    const begin = ({ step }: Order): void => {
      for (const path of pathsOf(step)) this.busy.set(path, this.it.scheduler.calls);
      this.together = Math.max(this.together, this.busy.size);
      note(step, 'begins');
    };
    /** What is staged in a folder gets its name with that, or is dropped with it. */
    const filled = new Map<string, Order[]>();
    const end = ({ slot, step }: Order): void => {
      for (const path of pathsOf(step)) this.busy.delete(path);
      for (const inside of filled.get(slot) ?? []) {
        this.busy.delete(inside.step.path);
        this.own.set(inside.step.path, this.it.scheduler.now());
      }
      filled.delete(slot);
    };
    return {
      ...replica,
      stage: async (order) => {
        begin(order);
        const outcome = await replica.stage(order);
        if (outcome.kind !== 'staged') {
          end(order);
          note(order.step, `stage ${outcome.kind}`);
        } else if (order.under !== undefined) {
          const top = order.under.slice(0, order.under.indexOf('/'));
          filled.set(top, [...(filled.get(top) ?? []), order]);
        }
        return outcome;
      },
      carryOut: async (orders) => {
        const outcomes = [];
        for (const order of orders) {
          begin(order);
          this.judgeConflict(order.step);
          const [outcome] = await replica.carryOut([order]);
          for (const path of pathsOf(order.step)) this.own.set(path, this.it.scheduler.now());
          end(order);
          if (outcome === undefined) throw new Error('no outcome');
          note(order.step, outcome.kind === 'failed' ? `failed ${outcome.problem.code}` : outcome.kind);
          if (outcome.kind === 'done') {
            this.steps++;
            this.count(nameOf(order.step));
          } else this.count(`step ${outcome.kind}`);
          outcomes.push(outcome);
        }
        return outcomes;
      },
      pack: async (slot, orders, wish) => {
        for (const order of orders) begin(order);
        this.packing = orders;
        return replica.pack(slot, orders, wish);
      },
      recover: async (orders) => {
        const outcomes = await replica.recover(orders);
        for (const [i, order] of orders.entries()) {
          if (filled.has(order.slot)) end(order);
          note(order.step, `recovered: ${outcomes[i]?.kind}`);
          this.count('recovered');
        }
        return outcomes;
      },
    };
  }

  /** A conflict where only one side changed, or both in the same way, would be an invention. */
  private judgeConflict(step: Step): void {
    if (step.kind !== 'move' || step.side !== 'local' || step.expected.kind !== 'file') return;
    if (step.along === true || step.restored === true) return;
    const here = this.local.peek(step.from);
    const there = this.it.remoteTree.peek(step.from);
    if (here?.kind !== 'file' || there?.kind !== 'file') return;
    // RACE: by now it may be another than the one that was looked at.
    if (this.it.placedAt(step.from) >= this.jobSince) return;
    const row = this.base.get(step.from);
    const hash = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex');
    if (here.text === there.text) this.it.violate('P3', `${step.from}: a conflict over the same content`);
    if (row?.kind === 'file' && row.form === 'copy' && row.hash === hash(there.text)) {
      this.it.violate('P3', `${step.from}: a conflict though the remote did not change`);
    }
  }

  /** Orders of the pack that is under way. */
  private packing: readonly Order[] = [];

  private packs(owner: Owner): NonNullable<PairPorts['packs']> {
    const { remoteTree, scheduler, random } = this.it;
    return {
      fewest: 1,
      served: async () => true,
      unpack: async (slot) => {
        const outcome = await unpackAtServer({ remoteTree, scheduler, random }, this.name, owner, slot);
        for (const { step } of this.packing) {
          this.own.set(step.path, scheduler.now());
          this.busy.delete(step.path);
        }
        const done = outcome?.kind === 'unpacked' ? outcome.files.length : 0;
        this.it.trace(`${this.name} pack of ${this.packing.length}: ${outcome?.kind}, ${done} done`);
        this.steps += done;
        if (done > 0) this.count('pack unpacked');
        return outcome;
      },
      pack: async (request) => {
        const outcome = await packAtServer({ remoteTree, scheduler, random }, this.name, owner, request);
        this.it.trace(`${this.name} pack of ${request.files.length} downloads: ${outcome?.kind}`);
        if (outcome?.kind === 'packed') this.count('pack of downloads');
        return outcome;
      },
    };
  }

  private ports(owner: Owner): PairPorts {
    const { scheduler } = this.it;
    const stamp = (): string => new Date(this.now()).toISOString();
    const base = this.mortalBase(owner);
    return {
      pair: 'sim',
      base,
      hydration: createHydration({ on: 'open', maxSize: Number.POSITIVE_INFINITY }, () => base.pins()),
      holds: createHolds(base, () => this.now()),
      local: this.watched(this.makeReplica('local', owner)),
      remote: this.watched(this.overMount(owner)),
      policy: {
        localRoot: this.localRoot,
        remoteRoot: '/mnt/remote',
        anchor: this.anchor,
        compareLimit: 1 << 20,
        remoteIdentities: this.it.mount.identity,
        replace: this.it.capture ? 'capture' : 'rename',
        conflictPath: (path) => {
          const key = `${path} ${stamp().slice(0, 19)}`;
          this.conflicts = key === this.lastConflict ? this.conflicts + 1 : 1;
          this.lastConflict = key;
          return conflictPath(path, stamp(), this.name, this.conflicts);
        },
      },
      now: () => this.now(),
      clients: () => new Set([this.name.toLowerCase()]),
      slot: () =>
        `${stamp().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()}-${this.name.toLowerCase()}-${++this.slots}`,
      ignored: (path) => isIgnored(path),
      rules: () => this.anchor,
      reloadIgnored: () => Promise.resolve(false),
      publish: (events) => scheduler.turn(owner, 0.2, () => this.publish(events)),
      uuids: UUID,
      log: (level, message, more) => {
        const cause = more !== undefined && 'err' in more ? more.err : undefined;
        if (level === 'error' && !(cause instanceof FsError)) this.it.bug(new Error(message, { cause: more }));
      },
      width: this.it.width,
      inlineLimit: INLINE,
      limit: { down: Infinity, up: Infinity },
      minFree: 0,
      freeBytes: () => Promise.resolve(Infinity),
      downloads: 2,
      ...(this.it.served ? { packs: this.packs(owner) } : {}),
      ...(this.it.whole ? { wholeFolders: { fewest: 1, suits: () => true } } : {}),
      onProgress: (listen) => {
        this.progress.add((slot, bytes, part) => {
          if (!owner.dead) listen(slot, bytes, part);
        });
      },
      timers: {
        now: () => this.now(),
        after: (ms, act) => scheduler.after(owner, ms, act),
        soon: (act) => void scheduler.after(owner, 0, act),
      },
    };
  }

  // ---- the lane ----

  private changeset(events: readonly SyncEvent[]): Changeset {
    const sent: unknown = JSON.parse(JSON.stringify({ v: 1, pair: 'sim', at: this.now(), events }));
    const decoded = decodeChangeset(sent, 'sim');
    if (decoded.kind === 'refused') throw new Error(decoded.reason);
    return decoded.changeset;
  }

  publish(events: readonly SyncEvent[]): void {
    if (events.length === 0) return;
    this.jobs.push(this.changeset(events));
    this.kick();
  }

  rescan(why: string): void {
    this.publish([{ kind: 'rescan', side: 'local', path: ROOT, why }]);
  }

  private commands = 0;

  /** What a person asks for by the command line. */
  command(command: CommandName, path: string, arg?: string): void {
    const id = `${this.name}-${++this.commands}`;
    const wish = { kind: 'command', side: 'local', path: path as RelPath, id, command } as const;
    this.publish([arg === undefined ? wish : { ...wish, arg }]);
  }

  private kick(): void {
    const job = this.jobs[0];
    const { working, worker } = this;
    if (this.running || job === undefined || working === null || worker.dead) return;
    this.running = true;
    this.jobSince = this.it.scheduler.calls;
    this.it.trace(`${this.name} job ${job.events.map((one) => `${one.side} ${one.kind} ${one.path}`).join(', ')}`);
    const { signal } = new AbortController();
    working.handlers.handle(job, { id: '', signal }).then(
      (verdict) => {
        if (worker.dead) return;
        this.running = false;
        if (verdict.kind === 'done') {
          for (const { path, outcome } of verdict.outcomes) this.it.trace(`${this.name} ${path}: ${outcome}`);
          this.jobs.shift();
          this.it.plant?.acknowledged?.();
          this.done.push(job);
          this.kick();
        } else {
          this.person(working);
          this.it.scheduler.after(worker, verdict.ms, () => this.kick());
        }
      },
      (error: unknown) => {
        if (worker.dead) return;
        this.running = false;
        // As the lane does: the job stays at the head and is tried again. Only a file system may fail like this.
        if (error instanceof FsError) this.it.scheduler.after(worker, 1_000, () => this.kick());
        else this.it.bug(error);
      },
    );
  }

  /** What is held for a person gets an answer. */
  private person(working: WorkingPair): void {
    if (this.base.meta('state') !== 'held' || !this.it.random.chance(0.5)) return;
    this.answer ??= this.it.people.chance(0.5) ? 'approve' : 'reject';
    const { answer } = this;
    const said = working.decide(answer);
    if (said === 'Nothing is held.') return;
    this.answer = null;
    this.it.trace(`${this.name} held: ${answer}`);
    this.count(answer);
  }

  // ---- the watcher ----

  hint(kind: ChangeKind, side: Side, path: string): void {
    if (isOwnPath(path) || path === '' || this.it.plant?.deaf?.(side, path, this) === true) return;
    this.hints.set(`${side} ${path}`, { kind, side, path: path as RelPath, seen: true });
    this.flushLater();
  }

  access(path: string): void {
    if (this.it.random.chance(this.it.hints.lose)) return;
    this.publish([{ kind: 'access', side: 'local', path: path as RelPath }]);
  }

  private flushLater(): void {
    if (this.flushing) return;
    this.flushing = true;
    this.it.scheduler.after(this.watcher, SETTLE_MS, () => this.flush());
  }

  private flush(): void {
    this.flushing = false;
    const { random } = this.it;
    const { lose, double, late, shuffle, wrongKind, cut: split } = this.it.hints;
    const events: SyncEvent[] = this.late;
    this.late = [];
    for (const hint of this.hints.values()) {
      const kind = random.chance(wrongKind) ? random.pick(['create', 'modify', 'delete'] as const) : hint.kind;
      const event = { ...hint, kind };
      if (random.chance(lose)) continue;
      if (random.chance(late)) this.late.push(event);
      else events.push(event);
      if (random.chance(double)) this.late.push(event);
    }
    this.hints.clear();
    if (shuffle) events.sort(() => (random.chance(0.5) ? 1 : -1));
    const cut = random.chance(split) ? random.below(events.length + 1) : events.length;
    this.publish(events.slice(0, cut));
    this.publish(events.slice(cut));
    if (this.late.length > 0) this.flushLater();
  }

  /** Looks at all folders of a side, as the scans of the watcher do. */
  async scan(side: Side): Promise<void> {
    if (side === 'remote' && this.offline) return;
    const mount = side === 'local' ? this.localMount : this.remoteMount;
    const fs = mount.port(this.watcher, this.name);
    const folders: RelPath[] = [ROOT];
    const deletes: ChangeEvent[] = [];
    for (let path = folders.shift(); path !== undefined; path = folders.shift()) {
      const [listing] = await list(fs, [{ path }], { anchors: [this.anchor], parallel: 1, exact: side === 'local' });
      if (listing?.kind !== 'listing') continue;
      const names = listing.names.filter(({ name }) => !isIgnored(joinPath(listing.path, name)));
      const events = diffListing({ ...listing, names }, this.base.children(path), side);
      this.publish(events.filter((event) => event.kind !== 'delete'));
      deletes.push(...events.filter((event) => event.kind === 'delete'));
      for (const { name, entry } of names) if (entry.kind === 'directory') folders.push(joinPath(path, name));
    }
    if (mount.tree.peek('.lazysync/root.json')?.text === UUID[side]) this.publish(deletes);
  }
}
