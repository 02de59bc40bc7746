/**
 * Everything at and below a path, both sides against the base: at the start, after an outage, after a folder was moved.
 * Listings of many folders are in flight at once; what only has to be made in local is made and written down in batches.
 */
import { depthOf, isSameOrBelow, joinPath, parentOf, type RelPath, ROOT } from '@lazysync/event-model';
import type { Listing, Replica } from '@lazysync/replica';
import { createListAhead, type ListAhead } from './list-ahead.ts';
import { lookAt } from './look.ts';
import { type Asked, createFolderLooks } from './look-into.ts';
import { makeMany } from './make-many.ts';
import { createManyDeletes, type Gone, type ManyDeletes } from './many-deletes.ts';
import { BOTH, type FolderPlan, type Later, planFolders } from './plan-folders.ts';
import type { PairPorts } from './ports.ts';
import { replayJournal } from './replay-journal.ts';
import { type LookedInto, sealsIn } from './seals.ts';
import { type PathSettler, settling } from './settle-path.ts';
import { sideBySide } from './side-by-side.ts';

const FOLDERS_AT_ONCE = 64;
/** Names of both sides in them, more or less: all of what is listed is held until it was dealt with. */
const NAMES_AT_ONCE = 20_000;
/** Nobody knows yet how full they are; and those that were listed ahead are there at once in small steps. */
const FIRST_AT_ONCE = 16;
/** Of the stubs that one look makes, so many are written down one by one: of a first mirror nobody reads more, and older acts would go for it. */
const LOGGED = 10_000;
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

  async function walk(root: RelPath, ahead: ListAhead | null): Promise<void> {
    const deletes: Gone[] = [];
    const troubled = new Set(base.problems().map((one) => one.path));
    // Of a million paths only those are kept that will be asked for.
    const met = new Set<RelPath>();
    const folders = new Set<RelPath>();
    const cameBy = (path: RelPath): boolean => (troubled.has(path) ? met.has(path) : folders.has(parentOf(path)));
    let done = 0;
    let total = 0;
    let stubs = 0;
    const seals = sealsIn(ports, troubled);
    const looks = createFolderLooks(ports, seals, troubled);
    const level: RelPath[] = [root];
    let width = FIRST_AT_ONCE;
    let next: Asked | null = null;
    /** What was planned last. */
    let underWay: Promise<void> = Promise.resolve();

    const carryOut = async (plan: FolderPlan, open: readonly LookedInto[], before: Promise<void>): Promise<void> => {
      const logged = (): number => Math.max(0, LOGGED - stubs);
      const outcome = await makeMany(ports, settler, plan.made, plan.changes, { before, logged });
      stubs += outcome.stubs;
      done += plan.made.length;
      for (const path of outcome.again) {
        plan.unsettled.add(parentOf(path));
        plan.later.push({ path, seen: {} });
      }
      // ORDER: before anything else in them is changed, which breaks a seal.
      seals.give(
        open.filter(({ path }) => !plan.unsettled.has(path)),
        outcome.changes,
      );
      await settleAll(plan.later);
      done += plan.later.length;
      // What stays on one side only is looked into, too: something that is to be synced may have come into it.
      const walked = (path: RelPath): boolean => ['directory', 'residual'].includes(base.get(path)?.kind ?? '');
      for (const path of plan.inside) if (walked(path)) level.push(path);
      progress({ done, total });
    };

    const step = async (): Promise<void> => {
      const chunk = level.splice(0, next?.seals.length ?? width);
      const asked = ahead === null ? (next ?? looks.askRemote(chunk)) : { seals: [], listings: ahead.take(chunk) };
      const { sealed, open, listings } = await looks.lookInto(chunk, asked);
      if (ahead === null) {
        // The folders that come next are listed while these are dealt with: that is two processes' work.
        width = widthAfter(chunk.length, listings);
        next = level.length > 0 ? looks.askRemote(level.slice(0, width)) : null;
      }
      for (const { path, names } of sealed) {
        folders.add(path);
        total += names;
        done += names;
        for (const name of base.folders(path)) {
          const below = joinPath(path, name);
          // The base keeps what became ignored, and the own folder of the trash.
          if (!ports.ignored(below, true)) level.push(below);
        }
      }
      for (const { path, here, there } of open) {
        folders.add(path);
        reportUnsyncable(here, ports.local, met);
        reportUnsyncable(there, ports.remote, met);
      }
      const plan = planFolders(ports, open, troubled);
      total += plan.names;
      done += plan.agreed;
      for (const one of plan.deletes) deletes.push(one);
      for (const path of plan.met) met.add(path);
      const before = underWay;
      underWay = carryOut(plan, open, before);
      // Whoever waits for it hears of it.
      underWay.catch(() => undefined);
      // ORDER: of a first mirror the next folders are planned while the stubs of these are made: they are listed ahead, and
      // nothing that another step may have changed is in them.
      await (ahead === null || plan.later.length > 0 ? underWay : before);
      // ORDER: what was done here may have changed what was listed there: a move shows at both its ends.
      if (plan.made.length > 0 || plan.later.length > 0) next = null;
    };

    try {
      while (level.length > 0) {
        await step();
        if (level.length === 0) await underWay;
      }
    } finally {
      await Promise.allSettled([underWay]);
    }
    const gone = await seenOneByOne(deletes.sort((a, b) => depthOf(b.path) - depthOf(a.path)));
    const kept = new Set(await manyDeletes.ask(gone));
    await settleAll(gone.filter(({ path }) => !kept.has(path)));
    await mendProblems(root, cameBy);
    progress({ done: total, total });
    const rest = { path: root, act: 'make-stub in local', why: `${stubs - LOGGED} more of this look at everything` };
    base.record([{ kind: 'repointed', path: root }], [], stubs > LOGGED ? [rest] : [], ports.now());
  }

  return Object.assign(rescan, { bringAllBack: manyDeletes.bringAllBack });
}
