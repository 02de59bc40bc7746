/**
 * Everything at and below a path, both sides against the base: at the start, after an outage, after a folder was moved.
 * Listings of many folders are in flight at once; what only has to be made in local is made and written down in batches.
 */
import { planPath } from '@lazysync/action-table';
import type { Seal } from '@lazysync/base';
import {
  ABSENT,
  type BaseChange,
  type BaseRecord,
  type Cause,
  depthOf,
  type Entry,
  type Identity,
  isSameOrBelow,
  joinPath,
  nameOf,
  type PathView,
  parentOf,
  type RelPath,
  ROOT,
} from '@lazysync/event-model';
import type { DirectoryQuery, Listing, Replica } from '@lazysync/replica';
import { createListAhead, type ListAhead } from './list-ahead.ts';
import { lookAt, newToRemote } from './look.ts';
import { isQuickMake, type Made, makeMany } from './make-many.ts';
import { createManyDeletes, type Gone, type ManyDeletes } from './many-deletes.ts';
import type { PairPorts } from './ports.ts';
import { replayJournal } from './replay-journal.ts';
import { type LookedInto, type Seals, sealsIn } from './seals.ts';
import { type PathSettler, type Seen, settling } from './settle-path.ts';
import { sideBySide } from './side-by-side.ts';

const FOLDERS_AT_ONCE = 64;
/** Names of both sides in them, more or less: all of what is listed is held until it was dealt with. */
const NAMES_AT_ONCE = 20_000;
/** Nobody knows yet how full they are; and those that were listed ahead are there at once in small steps. */
const FIRST_AT_ONCE = 16;
/** Of what one look makes, so much is written down one by one: of a first mirror nobody reads more, and older acts would go for it. */
const LOGGED = 10_000;
const BOTH: Cause = { side: 'both', hydrate: false };

interface Later {
  readonly path: RelPath;
  readonly seen: Seen;
}

interface Asked {
  readonly seals: readonly (Seal | null)[];
  readonly listings: Promise<readonly Listing[]>;
}

interface SealedFolder {
  readonly path: RelPath;
  readonly names: number;
}

function sameSeal(a: Seal | null, b: Seal): boolean {
  return a !== null && a.local === b.local && a.remote === b.remote;
}

function queryOf(path: RelPath, known: string | undefined): DirectoryQuery {
  return known === undefined ? { path } : { path, known };
}

/** What a listing says of a name that it does not hold. */
function missing(listing: Listing | undefined): Entry {
  if (listing === undefined) return { kind: 'unknown', reason: 'not listed' };
  switch (listing.kind) {
    case 'gone':
      return ABSENT;
    case 'listing':
      return listing.partial ? { kind: 'unknown', reason: 'partial listing' } : ABSENT;
    case 'unreadable':
      return { kind: 'unknown', reason: listing.reason };
    case 'same':
      return { kind: 'unknown', reason: 'not listed' };
  }
}

function entriesOf(listing: Listing | undefined): ReadonlyMap<string, Entry> {
  return listing?.kind === 'listing' ? new Map(listing.names.map(({ name, entry }) => [name, entry])) : new Map();
}

/** Folders, if they are as full as these were; carefully, since the first ones may be no measure. */
function widthAfter(folders: number, listings: readonly Listing[]): number {
  let names = 1;
  for (const one of listings) if (one.kind === 'listing') names += one.names.length;
  const most = Math.min(FOLDERS_AT_ONCE, Math.max(FIRST_AT_ONCE, 2 * folders));
  return Math.min(most, Math.max(1, Math.floor((folders * NAMES_AT_ONCE) / names)));
}

export interface RescanProgress {
  readonly done: number;
  readonly total: number;
}

export interface Rescan {
  (root: RelPath): Promise<void>;
  readonly bringAllBack: ManyDeletes['bringAllBack'];
}

export function createRescan(ports: PairPorts, settler: PathSettler, progress: (now: RescanProgress) => void): Rescan {
  const { base } = ports;
  const manyDeletes = createManyDeletes(ports, settler, (folder) => rescan(folder));

  function reportUnsyncable(listing: Listing | undefined, replica: Replica, met: Set<RelPath>): void {
    if (listing?.kind !== 'listing') return;
    for (const name of listing.unsyncable) {
      const message = `The name is not UTF-8 and can not be synced; it stays in ${replica.side} only.`;
      const path = joinPath(listing.path, name);
      met.add(path);
      base.putProblem({ code: 'bad-name', path, side: replica.side, message }, ports.now());
    }
  }

  /** Problems of paths that are not there any more are nobody's; others, that the walk did not come by, are retried. */
  async function mendProblems(root: RelPath, cameBy: (path: RelPath) => boolean): Promise<void> {
    for (const { path } of base.problems()) {
      if (path === ROOT || !isSameOrBelow(path, root) || cameBy(path)) continue;
      const here = await lookAt(ports.local, path);
      const there = await lookAt(ports.remote, path);
      if (here.kind === 'absent' && there.kind === 'absent' && base.get(path) === null) base.clearProblem(path);
      else await settler.settle(path, BOTH);
    }
  }

  /** Those that lead to their own paths. Where something went wrong, what they say is read. */
  function stubsAmong(rows: readonly BaseRecord[], troubled: ReadonlySet<RelPath>): ReadonlyMap<string, Identity> {
    const stubs = new Map<string, Identity>();
    for (const row of rows)
      if (row.kind === 'file' && row.form === 'stub' && base.movedFrom(row.path) === null && !troubled.has(row.path))
        stubs.set(nameOf(row.path), row.link);
    return stubs;
  }

  /** A mount's listing may be from before all of them were made; what it says of a single name is not that old. */
  async function seenOneByOne(gone: readonly Gone[]): Promise<Gone[]> {
    const listed = gone.filter(({ seen }) => seen.remote.kind === 'absent').map(({ path }) => path);
    const entries = await ports.remote.look(listed);
    const now = new Map(listed.map((path, i) => [path, entries[i]]));
    return gone.map((one) => ({ ...one, seen: { remote: now.get(one.path) ?? one.seen.remote } }));
  }

  async function settleAll(all: readonly Later[]): Promise<void> {
    const works = all.map(({ path, seen }) => settling(settler, path, BOTH, () => seen));
    await sideBySide(works, ports.width);
  }

  async function rescan(root: RelPath): Promise<void> {
    if (root !== ROOT) {
      await settler.settle(root, BOTH);
      if (base.get(root)?.kind !== 'directory') return;
    }
    // Steps that broke off in paths that are nowhere any more are nobody else's to look after.
    else await replayJournal(ports);
    // ORDER: asked before anything is made.
    const ahead =
      root === ROOT && !base.hasBelow(ROOT)
        ? (ports.ahead?.() ?? createListAhead({ replica: ports.remote, ignored: ports.ignored }))
        : null;
    try {
      await walk(root, ahead);
    } finally {
      ahead?.stop();
    }
  }

  /** The folders that come next are listed while these are dealt with: that is two processes' work. */
  function askRemote(folders: readonly RelPath[], seals: Seals): Asked {
    const known = folders.map((path) => seals.of(path));
    const listings = ports.remote.list(folders.map((path, i) => queryOf(path, known[i]?.remote)));
    // Whoever takes it hears of it.
    listings.catch(() => undefined);
    return { seals: known, listings };
  }

  /** Of folders that are not what they were on both sides: `same` says nothing of names, so that side is asked once more. */
  async function insteadOfSame(replica: Replica, listings: readonly Listing[]): Promise<readonly Listing[]> {
    const same = listings.filter(({ kind }) => kind === 'same').map(({ path }) => path);
    if (same.length === 0) return listings;
    const now = new Map((await replica.list(same.map((path) => ({ path })))).map((one) => [one.path, one]));
    return listings.map((one) => now.get(one.path) ?? one);
  }

  /** Of each folder, as it was asked for: is it as it was sealed, or else what is in it? */
  async function lookInto(chunk: readonly RelPath[], asked: Asked, seals: Seals, troubled: ReadonlySet<RelPath>) {
    const rows = chunk.map((path, i) => ((asked.seals[i] ?? null) === null ? base.children(path) : null));
    const [here, there] = await Promise.all([
      ports.local.list(
        chunk.map((path, i) => ({
          ...queryOf(path, asked.seals[i]?.local),
          stubs: () => stubsAmong(rows[i] ?? base.children(path), troubled),
        })),
      ),
      asked.listings,
    ]);
    const listings = [...here, ...there];
    const sealed: SealedFolder[] = [];
    const others: number[] = [];
    chunk.forEach((path, i) => {
      const seal = asked.seals[i] ?? null;
      const holds = seal !== null && here[i]?.kind === 'same' && there[i]?.kind === 'same';
      // RACE: it may have been asked for before the step that came last.
      if (holds && sameSeal(seals.of(path), seal)) sealed.push({ path, names: seal.names });
      else others.push(i);
    });
    const pick = (all: readonly Listing[]): Listing[] => others.map((i) => all[i] as Listing);
    const [local, remote] = await Promise.all([
      insteadOfSame(ports.local, pick(here)),
      insteadOfSame(ports.remote, pick(there)),
    ]);
    const open = others.map((i, at): LookedInto => {
      const path = chunk[i] as RelPath;
      const known = rows[i] ?? base.children(path);
      return { path, here: local[at], there: remote[at], rows: new Map(known.map((row) => [row.path, row])) };
    });
    return { sealed, open, listings };
  }

  async function walk(root: RelPath, ahead: ListAhead | null): Promise<void> {
    const deletes: Gone[] = [];
    const troubled = new Set(base.problems().map((one) => one.path));
    // Of a million paths only those are kept that will be asked for.
    const met = new Set<RelPath>();
    const folders = new Set<RelPath>();
    const cameBy = (path: RelPath): boolean => (troubled.has(path) ? met.has(path) : folders.has(parentOf(path)));
    let done = 0;
    let total = 0;
    let makes = 0;
    const seals = sealsIn(ports, troubled);
    const level: RelPath[] = [root];
    let width = FIRST_AT_ONCE;
    let next: Asked | null = null;
    while (level.length > 0) {
      const chunk = level.splice(0, next?.seals.length ?? width);
      const asked = ahead === null ? (next ?? askRemote(chunk, seals)) : { seals: [], listings: ahead.take(chunk) };
      const { sealed, open, listings } = await lookInto(chunk, asked, seals, troubled);
      if (ahead === null) {
        width = widthAfter(chunk.length, listings);
        next = level.length > 0 ? askRemote(level.slice(0, width), seals) : null;
      }
      const made: Made[] = [];
      const changes: BaseChange[] = [];
      const later: Later[] = [];
      const inside: RelPath[] = [];
      const unsettled = new Set<RelPath>();
      for (const { path: dir, names } of sealed) {
        folders.add(dir);
        total += names;
        done += names;
        const below = base.folders(dir).map((name) => joinPath(dir, name));
        // The base keeps what became ignored, and the own folder of the trash.
        inside.push(...below.filter((path) => !ports.ignored(path, true)));
      }
      for (const { path: dir, here, there, rows } of open) {
        folders.add(dir);
        reportUnsyncable(here, ports.local, met);
        reportUnsyncable(there, ports.remote, met);
        const local = entriesOf(here);
        const remote = entriesOf(there);
        const isNew = newToRemote(ports, remote.values());
        const paths = new Set<RelPath>(rows.keys());
        for (const name of local.keys()) paths.add(joinPath(dir, name));
        for (const name of remote.keys()) paths.add(joinPath(dir, name));
        for (const path of paths) {
          const name = dir === '' ? path : path.slice(dir.length + 1);
          const seen = { local: local.get(name) ?? missing(here), remote: remote.get(name) ?? missing(there) };
          if (ports.ignored(path, seen.local.kind === 'directory' || seen.remote.kind === 'directory')) continue;
          total++;
          if (troubled.has(path)) met.add(path);
          const view: PathView = {
            path,
            base: rows.get(path) ?? null,
            movedFrom: base.movedFrom(path),
            nowNs: BigInt(ports.now()) * 1_000_000n,
            ...seen,
            ...(isNew(seen.remote) ? { remoteOrigin: null } : {}),
          };
          const decision = planPath(view, BOTH, ports.policy);
          // What was a problem and is in agreement by now, or is made in the batch below, is none any more.
          const quick = decision.kind === 'nothing' || (decision.kind === 'step' && decision.step.side === 'local');
          if (quick && troubled.has(path)) base.clearProblem(path);
          // That it is gone in the remote, too, is only what the listing says.
          const isGone = view.base !== null && seen.local.kind === 'absent' && seen.remote.kind === 'absent';
          if (decision.kind === 'nothing' && !isGone) {
            changes.push(...decision.changes);
            done++;
            if (decision.changes.length > 0) unsettled.add(dir);
          } else if (isQuickMake(decision)) {
            made.push({ step: decision.step, view, why: decision.why });
          } else if (seen.local.kind === 'absent' || seen.remote.kind === 'absent') {
            // ORDER: what is gone on one side goes last, so that a thing that was moved is found before it is buried.
            const one = { path, seen: { remote: seen.remote }, goneHere: seen.local.kind === 'absent' };
            (view.base === null ? later : deletes).push(one);
          } else later.push({ path, seen: { remote: seen.remote } });
          if (decision.kind !== 'nothing' && !isQuickMake(decision)) unsettled.add(dir);
          const folder = seen.local.kind === 'directory' || seen.remote.kind === 'directory';
          const onOneSide = view.base === null || view.base.kind === 'residual';
          if (folder && (onOneSide || seen.local.kind === seen.remote.kind)) inside.push(path);
        }
      }
      const outcome = await makeMany(ports, settler, made, changes, Math.max(0, LOGGED - makes));
      makes += made.length;
      for (const path of outcome.again) {
        unsettled.add(parentOf(path));
        later.push({ path, seen: {} });
      }
      done += made.length;
      // ORDER: before anything else in them is changed, which breaks a seal.
      seals.give(
        open.filter(({ path }) => !unsettled.has(path)),
        outcome.changes,
      );
      await settleAll(later);
      done += later.length;
      // What stays on one side only is looked into, too: something that is to be synced may have come into it.
      const walked = (path: RelPath): boolean => ['directory', 'residual'].includes(base.get(path)?.kind ?? '');
      level.push(...inside.filter(walked));
      // ORDER: what was done here may have changed what was listed there: a move shows at both its ends.
      if (made.length > 0 || later.length > 0) next = null;
      progress({ done, total });
    }
    const gone = await seenOneByOne(deletes.sort((a, b) => depthOf(b.path) - depthOf(a.path)));
    const kept = new Set(await manyDeletes.ask(gone));
    await settleAll(gone.filter(({ path }) => !kept.has(path)));
    await mendProblems(root, cameBy);
    progress({ done: total, total });
    const rest = { path: root, act: 'make-stub in local', why: `${makes - LOGGED} more of this look at everything` };
    base.record([{ kind: 'repointed', path: root }], [], makes > LOGGED ? [rest] : [], ports.now());
  }

  return Object.assign(rescan, { bringAllBack: manyDeletes.bringAllBack });
}
