/** Runs one history: trees, clients, users and fate, and looks at every act on a tree as it happens. */
import { createHash } from 'node:crypto';
import type { RelPath } from '@lazysync/event-model';
import { createCensus, isOwnPath, isVisible } from './census.ts';
import { Client, type Hints, isIgnored, type Plant, prepareRoot, UUID } from './client.ts';
import {
  type Action,
  type Deed,
  type FateAction,
  type History,
  PATHS,
  REST,
  tell,
  type UserAction,
} from './history.ts';
import type { MountOptions } from './mount.ts';
import { createRandom } from './random.ts';
import { createScheduler } from './scheduler.ts';
import { type Inode, Tree, type TreeAct } from './tree.ts';
import * as user from './user.ts';

export interface Violation {
  readonly promise: string;
  readonly what: string;
}

export interface World {
  readonly remote: Tree;
  readonly clients: readonly Client[];
  readonly census: ReturnType<typeof createCensus>;
  readonly violations: Violation[];
  readonly lines: string[];
  readonly counts: Map<string, number>;
  /** Everything at rest, or false. */
  settle(): Promise<boolean>;
  hash(): string;
}

export interface RunOptions {
  /** A bug, to be found. */
  readonly plant?: () => Plant;
  /** Keeps the trace lines. */
  readonly verbose?: boolean;
  /** What people do follows from the history alone, not from how the program's calls fell. */
  readonly steadyPeople?: boolean;
}

const ON_SOMETHING: ReadonlySet<Deed> = new Set([
  'same-size',
  'append',
  'backup-save',
  'remove',
  'move',
  'copy',
  'swap',
  'chmod',
  'touch',
  'relink',
  'read',
]);
const SECOND = 1_000_000_000n;
const START = Date.UTC(2024, 0, 1);
const MOST_CALLS = 60_000;
/** Two round trips of a step, with what others call meanwhile. */
const RACE_CALLS = 8;
const CALM: Hints = { lose: 0, double: 0, late: 0, shuffle: false, wrongKind: 0, cut: 0.2 };
const ASTRAY: Hints = { lose: 0.15, double: 0.15, late: 0.2, shuffle: true, wrongKind: 0.2, cut: 0.2 };

function mountOf(history: History): MountOptions {
  return {
    dev: 2n,
    stepNs: history.coarse ? 1_000_000_000n : 1n,
    identity: history.exact,
    renameFlags: history.exact,
    hardLinks: history.exact || history.hardLinks,
    cacheMs: history.exact ? 0 : history.cacheMs,
    cost: 5,
  };
}

export function createWorld(history: History, options: RunOptions = {}) {
  const random = createRandom(history.seed);
  const people = options.steadyPeople === true ? createRandom(~history.seed) : random;
  const scheduler = createScheduler(random, START);
  const census = createCensus();
  const violations: Violation[] = [];
  const lines: string[] = [];
  const counts = new Map<string, number>();
  const digest = createHash('sha1');
  let ended = false;
  const trace = (line: string): void => {
    if (ended) return;
    digest.update(`${scheduler.calls} ${line}\n`);
    if (options.verbose === true)
      lines.push(`${scheduler.calls} ${((scheduler.now() - START) / 1000).toFixed(3)}s ${line}`);
  };
  const count = (what: string): void => {
    counts.set(what, (counts.get(what) ?? 0) + 1);
  };
  const violate = (promise: string, what: string): void => {
    trace(`VIOLATION ${promise}: ${what}`);
    violations.push({ promise, what });
  };

  /** When which path got its file last, and from whom. */
  const placed = new Map<string, { readonly at: number; readonly by: string }>();

  const remote = new Tree('remote', () => BigInt(Math.round(scheduler.now() * 1e6)));
  prepareRoot(remote, UUID.remote);
  const clients = Array.from(
    { length: history.clients },
    (_, i) =>
      new Client({
        name: 'AB'[i] as string,
        scheduler,
        random,
        people,
        remoteTree: remote,
        mount: mountOf(history),
        hints: history.astray ? ASTRAY : { ...CALM, cut: options.steadyPeople === true ? 0 : CALM.cut },
        width: history.width ?? 1,
        trace,
        violate,
        placedAt: (path) => placed.get(`${remote.name}:${path}`)?.at ?? -1,
        bug: (error) => {
          if (process.env.SIMBUG) console.log(error);
          violate('BUG', error instanceof Error ? String(error.stack) : String(error));
        },
        capture: history.capture === true,
        served: history.served === true,
        whole: history.whole === true,
        ...(options.plant === undefined ? {} : { plant: options.plant() }),
      }),
  );

  // ---- every act on a tree ----

  const removedByUser = new WeakSet<Inode>();
  /** Inside a window that is marked RACE. */
  const replaced = new WeakSet<Inode>();

  function byUser(tree: Tree, act: TreeAct): void {
    const soft = (path: string): boolean => clients.some((one) => one.busy.has(path));
    switch (act.kind) {
      case 'written': {
        const paths = tree.pathsOf(act.node);
        if (act.before !== '') census.destroyed(act.before);
        // Into a file that the users themselves have removed: gone when it is closed, as everywhere. A stage name of ours
        // may outlive theirs for moments.
        if (removedByUser.has(act.node) && paths.every((path) => path.startsWith('.lazysync/stage/'))) break;
        // In the same second and of the same size: nothing but its content tells it from the version before.
        const { text, mtimeNs } = act.node;
        const alike = history.coarse && tree === remote && text.length === act.before.length;
        const hidden = alike && mtimeNs / SECOND === act.beforeNs / SECOND;
        const own = paths.every(isOwnPath) || paths.some(soft);
        census.wrote(text, `${tree.name}:${paths[0] ?? '?'}`, own || hidden);
        // Their file was made inside the window, and is written into after that.
        if (replaced.has(act.node)) census.raced(text);
        for (const path of paths) placed.set(`${tree.name}:${path}`, { at: scheduler.calls, by: 'user' });
        break;
      }
      case 'vanished':
        removedByUser.add(act.node);
        if (act.node.kind === 'file') census.destroyed(act.node.text);
        if (act.node.kind === 'symlink') {
          dismiss(act.node);
          dismissKnown(tree, act.path);
        }
        break;
      case 'appeared':
      case 'renamed':
        placed.set(`${tree.name}:${act.path}`, { at: scheduler.calls, by: 'user' });
        noteStub(act.node);
        tree.walk((_path, one) => noteStub(one), act.path, act.node);
        // A stub under an ignored name is nobody's any more; its file goes to the trash.
        if (isIgnored(act.path as RelPath)) {
          dismiss(act.node);
          tree.walk((_path, one) => dismiss(one), act.path, act.node);
        }
        break;
      case 'touched':
        break;
    }
  }

  /** What stubs showed when users moved or copied them: that is what they stand for, wherever they lead by then. */
  const stoodFor = new WeakMap<Inode, string>();

  function shownBy(node: Inode): string | null {
    if (node.kind !== 'symlink') return null;
    const client = clients.find((one) => node.text.startsWith(`${one.anchor}/`));
    const there = client === undefined ? null : remote.peek(node.text.slice(client.anchor.length + 1));
    return there?.kind === 'file' ? there.text : null;
  }

  function noteStub(node: Inode): void {
    const text = shownBy(node);
    if (text !== null && !stoodFor.has(node)) stoodFor.set(node, text);
  }

  /** New content under a remote path: the stubs that lie there show it. */
  function noteContent(node: Inode): void {
    for (const path of remote.pathsOf(node)) {
      for (const client of clients) {
        const stub = client.local.peek(path);
        if (stub?.kind === 'symlink' && stub.text === `${client.anchor}/${path}`) stoodFor.set(stub, node.text);
      }
    }
  }

  /** A stub was removed: what it stood for need not stay in its place. */
  function dismiss(node: Inode): void {
    for (const text of [shownBy(node), stoodFor.get(node)]) if (text != null) census.dismissed(text);
  }

  /**
   * RACE: it may stand for another content since moments, which nobody has heard of: then what the base knows of it is what
   * the user removes. No two sizes are equal, or it is a deed that made them so.
   */
  function dismissKnown(tree: Tree, path: string): void {
    const row = clients.find((one) => one.local === tree)?.base.get(path as RelPath);
    if (row?.kind !== 'file' || row.form !== 'stub') return;
    for (const { text } of census.versions.values()) if (text.length === row.remote.size) census.dismissed(text);
  }

  function byClient(tree: Tree, act: TreeAct, client: Client): void {
    switch (act.kind) {
      case 'written':
        if (isVisible(tree, act.node)) violate('P4', `${client.name} wrote into a visible file of ${tree.name}`);
        break;
      case 'appeared':
      case 'renamed':
        if (isOwnPath(act.path)) break;
        placed.set(`${tree.name}:${act.path}`, { at: scheduler.calls, by: client.name });
        if (act.node.kind === 'file' && !census.knows(act.node.text)) {
          violate('P4', `${act.path} in ${tree.name} shows what nobody wrote: ${act.node.text}`);
        }
        if (act.node.kind === 'symlink' && tree === remote && act.node.text.includes('.lazysync')) {
          violate('P8', `${act.path} in the remote is a link through an anchor`);
        }
        break;
      case 'vanished': {
        // The one window that is marked RACE and not closed next to a mount: a version saved (by a person, or by another
        // client) between the link into the trash and the rename over it, or, where there are no links, after the look.
        // On a disk, EXCHANGE leaves none, and neither does `replace: capture`.
        if (history.exact || (history.capture === true && history.hardLinks)) break;
        if (tree !== remote || isOwnPath(act.path) || act.left > 0 || act.node.kind !== 'file') break;
        const { at, by } = placed.get(`${tree.name}:${act.path}`) ?? { at: -1, by: client.name };
        if (by === client.name) break;
        const since = client.busy.get(act.path) ?? client.killed.get(act.path) ?? Math.min(...client.busy.values());
        // With several steps at work, their calls come in between.
        if (at < since || scheduler.calls - at > RACE_CALLS * Math.max(1, client.busy.size)) break;
        census.raced(act.node.text);
        replaced.add(act.node);
        count('raced');
        break;
      }
      case 'touched':
        break;
    }
  }

  function hints(tree: Tree, act: TreeAct, actor: string): void {
    const tell = (kind: 'create' | 'modify' | 'delete', path: string): void => {
      if (isOwnPath(path)) return;
      for (const client of clients) {
        if (client.local === tree) client.hint(kind, 'local', path);
        else if (tree === remote && actor === client.name) client.hint(kind, 'remote', path);
      }
    };
    const below = (kind: 'create' | 'delete', base: string, node: TreeAct['node']): void => {
      tell(kind, base);
      if (node.kind === 'directory') tree.walk((path) => tell(kind, path), base, node);
    };
    switch (act.kind) {
      case 'appeared':
        tell('create', act.path);
        break;
      case 'vanished':
        tell('delete', act.path);
        break;
      case 'renamed':
        if (!isOwnPath(act.from)) below('delete', act.from, act.node);
        if (!isOwnPath(act.path)) below('create', act.path, act.node);
        break;
      case 'written':
        for (const path of tree.pathsOf(act.node)) tell('modify', path);
        break;
      case 'touched':
        tell('modify', act.path);
        break;
    }
  }

  for (const tree of [remote, ...clients.map((one) => one.local)]) {
    tree.observer = (act, actor) => {
      if (actor === 'setup') return;
      if (options.verbose === true && actor !== 'user') {
        const text =
          act.kind === 'written'
            ? `write ${tree.pathsOf(act.node)[0]}`
            : act.kind === 'renamed'
              ? `rename ${act.from} -> ${act.path}`
              : `${act.kind} ${act.path}`;
        trace(`    ${actor}@${tree.name}: ${text}`);
      }
      if (tree === remote && act.node.kind === 'file') noteContent(act.node);
      if (tree !== remote && act.kind !== 'vanished') noteStub(act.node);
      const client = clients.find((one) => one.name === actor);
      if (client === undefined) byUser(tree, act);
      else byClient(tree, act, client);
      hints(tree, act, actor);
    };
  }

  // ---- users and fate ----

  let written = 0;
  // No two sizes are equal unless a deed asks for it: a swap of two files of one size and time can not be seen from outside.
  const fresh = (): string => {
    written++;
    return `${written.toString(36).padStart(3, '0')}v${'x'.repeat(written)}`;
  };

  function shellOf(action: UserAction): user.Shell {
    const client = clients[action.client % clients.length] as Client;
    if (action.where === 'local') {
      return {
        tree: client.local,
        through: (target) => {
          if (!client.anchorUp || client.offline || !target.startsWith(`${client.anchor}/`)) return null;
          return { tree: client.remoteMount.tree, path: target.slice(client.anchor.length + 1) };
        },
        opened: (path) => client.access(path),
        touched: (tree, path) => {
          if (tree !== remote) return;
          client.remoteMount.invalidate(path);
          client.hint('modify', 'remote', path);
        },
      };
    }
    const through = (): null => null;
    if (action.where === 'host') return { tree: remote, through, opened: () => undefined, touched: () => undefined };
    return {
      tree: remote,
      through,
      opened: () => undefined,
      touched: (_tree, path) => {
        client.remoteMount.invalidate(path);
        client.hint('modify', 'remote', path);
      },
    };
  }

  /** People act on what is there. */
  function somethingOf(tree: Tree, n: number): string {
    const there: string[] = [];
    tree.walk((path) => {
      if (!isOwnPath(path)) there.push(path);
    });
    if (options.steadyPeople === true) there.sort();
    return there[n % Math.max(1, there.length)] ?? (PATHS[n] as string);
  }

  function callsOf(action: UserAction): { readonly calls: user.Call[]; readonly about: string } {
    const shell = shellOf(action);
    const path =
      ON_SOMETHING.has(action.deed) && action.exact !== true
        ? somethingOf(shell.tree, action.path)
        : (PATHS[action.path] as string);
    const to = action.deed === 'swap' ? somethingOf(shell.tree, action.to) : (PATHS[action.to] as string);
    const relative = people.chance(0.5) ? (to.split('/').at(-1) as string) : `/elsewhere/${to}`;
    return { calls: deedCalls(action.deed, shell, path, to, relative), about: `${path} ${to}` };
  }

  function deedCalls(deed: Deed, shell: user.Shell, path: string, to: string, relative: string): user.Call[] {
    switch (deed) {
      case 'overwrite':
        return user.overwrite(shell, path, fresh());
      case 'same-size':
        return user.overwriteAtOnce(shell, path, fresh());
      case 'append':
        return user.append(shell, path, fresh());
      case 'save':
        return user.saveByRename(shell, path, fresh());
      case 'backup-save':
        return user.saveWithBackup(shell, path, fresh());
      case 'remove':
        return user.remove(shell, path);
      case 'mkdir':
        return user.makeDirectory(shell, path);
      case 'fill':
        return user.fill(shell, path, fresh);
      case 'move':
        return user.move(shell, path, to);
      case 'copy':
        return user.copy(shell, path, to);
      case 'swap':
        return user.swap(shell, path, to);
      case 'chmod':
        return user.chmod(shell, path, people.pick([0o644, 0o600, 0o755]));
      case 'touch':
        return user.touch(shell, path, BigInt(START) * 1_000_000n - BigInt(people.below(1e6)) * 1_000_000n);
      case 'symlink':
        return user.symlink(shell, path, relative);
      case 'relink':
        return user.replaceByLink(shell, path, relative);
      case 'read':
        return user.read(shell, path);
      case 'twin':
        // The same content as somebody else may write: never a conflict.
        return user.saveByRename(shell, path, 'twin');
    }
  }

  function perform(action: UserAction, spread: boolean): void {
    const { calls, about } = callsOf(action);
    trace(`USER ${tell(action)}: ${about}`);
    let at = 0;
    const client = clients[action.client % clients.length] as Client;
    // Somebody at the mount is seen by this host's kernel.
    const seen = action.where === 'mount' ? client.name : null;
    const run = (call: user.Call): void => {
      if (seen === null) return user.attempt(call);
      if (client.offline) return;
      const { observer } = remote;
      remote.observer = (act, actor) => {
        observer(act, actor);
        hints(remote, act, seen);
        if (act.kind !== 'written') client.remoteMount.invalidate(act.path);
      };
      try {
        user.attempt(call);
      } finally {
        remote.observer = observer;
      }
    };
    for (const call of calls) {
      if (!spread) {
        run(call);
        scheduler.advance(1);
      } else {
        scheduler.schedule(at, () => run(call));
        if (random.chance(0.6)) at += random.below(8);
      }
    }
  }

  /** Somebody else's folder, or nothing at all, lies where the remote was mounted. */
  function unmount(client: Client, n: number): void {
    const empty = new Tree('void', () => BigInt(Math.round(scheduler.now() * 1e6)));
    const since = scheduler.calls;
    empty.observer = (act, actor) => {
      if (actor === 'user') return;
      // The one marked window: unmounted between the look at the marker and the call that makes a link or a folder.
      const made = act.kind === 'appeared' && act.node.kind !== 'file';
      if (made && scheduler.calls - since <= 4) count('strayed');
      else violate('P10', `${actor} wrote into what is not the remote: ${act.kind}`);
    };
    if (n % 3 === 1) empty.make('stray', 'file', 'stray', 0o644, 'user');
    client.remoteMount.tree = empty;
    client.remoteMount.forget();
    scheduler.schedule(20 + n * 3, () => {
      client.remoteMount.tree = remote;
      client.remoteMount.forget();
      trace(`${client.name} mounted again`);
    });
  }

  /** Somebody, or some accident, takes all there is at the top, and puts it back now and then. */
  function emptyAll(client: Client, where: 'local' | 'host', n: number): void {
    const tree = where === 'local' ? client.local : remote;
    const top = [...(tree.peek('')?.names.keys() ?? [])].filter((name) => !isOwnPath(name));
    if (n % 2 === 0) {
      const shell: user.Shell = { tree, through: () => null, opened: () => undefined, touched: () => undefined };
      for (const name of top) for (const call of user.remove(shell, name)) user.attempt(call);
      return;
    }
    // While it is away, a stub of it that was put elsewhere may be taken for one of a file that was deleted.
    tree.walk((path, node) => {
      if (!isOwnPath(path) && node.kind === 'file') census.dismissed(node.text);
    });
    const aside = (name: string): string => `.lazysync/aside ${name}`;
    for (const name of top) user.attempt(() => tree.rename(name, aside(name), false, 'user'));
    scheduler.schedule(20 + n * 3, () => {
      for (const name of top) user.attempt(() => tree.rename(aside(name), name, false, 'user'));
      // Something new lies there by now: what was put aside stays there, by the hand of who did it.
      tree.walk((path, node) => {
        if (path.startsWith(aside('')) && node.kind === 'file') census.destroyed(node.text);
      });
    });
  }

  /** A person asks for something out of a trash. */
  function putBack(client: Client, n: number): void {
    const found: (readonly [string, string])[] = [];
    for (const [side, tree] of [
      ['remote', remote],
      ['local', client.local],
    ] as const) {
      tree.walk((path, node) => {
        const [, slot, rest] = /^\.lazysync\/trash\/([^/]+)\/(.+)$/.exec(path) ?? [];
        if (slot !== undefined && rest !== undefined && node.kind === 'file') found.push([rest, `${side}:${slot}`]);
      });
    }
    const [path, place] = found[n % Math.max(1, found.length)] ?? [];
    if (path !== undefined && place !== undefined) client.command('restore', path, place);
  }

  let crashing: { readonly client: Client; readonly loseLane: boolean; readonly inStep: boolean; left: number } | null =
    null;

  function fate(action: FateAction): void {
    trace(`FATE ${tell(action)}`);
    count(action.fate);
    const client = clients[action.client % clients.length] as Client;
    const path = PATHS[action.path] as string;
    switch (action.fate) {
      case 'crash':
      case 'crash-lane':
      case 'crash-step': {
        const inStep = action.fate === 'crash-step';
        crashing = { client, loseLane: action.fate === 'crash-lane', inStep, left: inStep ? action.n % 12 : action.n };
        break;
      }
      case 'outage':
        client.outage();
        scheduler.schedule(10 + action.n * 4, () => client.heal());
        break;
      case 'remount':
        client.remoteMount.remount();
        break;
      case 'scan-local':
      case 'scan-remote':
        client
          .scan(action.fate === 'scan-local' ? 'local' : 'remote')
          .catch((error: unknown) => violate('BUG', String(error)));
        break;
      case 'rescan':
        client.rescan('wanted');
        break;
      case 'fault-local':
      case 'fault-remote': {
        const mount = action.fate === 'fault-local' ? client.localMount : client.remoteMount;
        const code = random.pick(['EIO', 'ENOSPC', 'EACCES'] as const);
        const at = random.pick([path, somethingOf(mount.tree, action.path), '.lazysync/stage', '.lazysync/trash', '']);
        mount.faults.push({ code, path: at, skip: random.below(6), left: 1 + (action.n % 12) });
        break;
      }
      case 'unmount':
        unmount(client, action.n);
        break;
      case 'empty-local':
      case 'empty-remote':
        emptyAll(client, action.fate === 'empty-local' ? 'local' : 'host', action.n);
        break;
      case 'get':
      case 'free':
        client.command(action.fate, action.n % 3 === 0 ? '' : somethingOf(client.local, action.path));
        break;
      case 'put-back':
        putBack(client, action.path);
        break;
      case 'replay':
        for (const job of client.done) client.publish(job.events);
        break;
      case 'wait':
        scheduler.advance((action.n + 1) * 150);
        break;
    }
  }

  // A kill comes between two calls of the client, or right after one has had its effect.
  scheduler.fate = (owner) => {
    const due = crashing;
    if (due === null || !owner.name.startsWith(due.client.name) || owner.name.endsWith('watcher')) return 'goes-on';
    if (due.inStep && due.client.busy.size === 0) return 'goes-on';
    if (due.left-- > 0) return 'goes-on';
    crashing = null;
    const after = random.chance(0.5);
    scheduler.schedule(0, () => due.client.crash(due.loseLane));
    due.client.die();
    return after ? 'dies-after' : 'dies-before';
  };

  function act(action: Action): void {
    if (action.kind === 'user') perform(action, true);
    else fate(action);
  }

  const settle = (): Promise<boolean> => scheduler.rest(MOST_CALLS);

  async function run(): Promise<void> {
    for (const action of history.before) perform(action, false);
    for (const client of clients) {
      client.start();
      client.rescan('start');
    }
    let due = scheduler.calls;
    for (const action of history.actions) {
      if (violations.length > 0) return;
      if (action.gap === REST) {
        if (!(await settle())) return violate('P2', 'does not come to rest');
        due = scheduler.calls;
        act(action);
        continue;
      }
      due = Math.max(due, scheduler.calls) + action.gap;
      scheduler.schedule(due - scheduler.calls, () => act(action));
    }
    if (!(await settle())) violate('P2', 'does not come to rest');
  }

  /** Everything works again. */
  function mend(): void {
    crashing = null;
    for (const client of clients) {
      client.remoteMount.tree = remote;
      client.remoteMount.faults = [];
      client.localMount.faults = [];
      client.remoteMount.forget();
      client.heal();
    }
    scheduler.advance(60_000);
  }

  function hash(): string {
    ended = true;
    return digest.digest('hex');
  }

  return {
    remote,
    clients,
    census,
    violations,
    lines,
    counts,
    run,
    settle,
    perform,
    mend,
    violate,
    trace,
    random,
    scheduler,
    hash,
  };
}

export type RunningWorld = ReturnType<typeof createWorld>;
export { isIgnored };
