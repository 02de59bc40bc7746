/**
 * The loop: look, plan, journal, carry out, record, and again until the path is at rest. Everything the worker does to
 * a tree goes through here, one step at a time.
 */
import { keepApart } from '@lazysync/action-table';
import {
  ABSENT,
  type Cause,
  type Decision,
  depthOf,
  type Entry,
  joinPath,
  nameOf,
  otherSide,
  type PathView,
  parentOf,
  type RelPath,
  type RemotePrint,
  remotePrint,
  type Side,
  type StagedContent,
  type Step,
  type StepOutcome,
} from '@lazysync/event-model';
import { folderIn, reachesOut, takesFromUser } from './decision-reach.ts';
import { guard } from './guards.ts';
import { lookAt } from './look.ts';
import { createPerformer, type PerformerHooks } from './perform-step.ts';
import { plannedFrom } from './planned.ts';
import type { PairPorts } from './ports.ts';
import { removeRemoteTree } from './remove-tree.ts';
import type { Work } from './side-by-side.ts';
import type { Uploads } from './uploads.ts';

/** A path that keeps changing under our hands is left for later. */
const MAX_TURNS = 12;

/** What was already seen of a path, so that the first look can be spared. */
export interface Seen {
  readonly local?: Entry;
  readonly remote?: Entry;
  /** In place of `remote`: what a look that is under way will say. */
  readonly asked?: Promise<Entry>;
}

export interface PathSettler {
  /** Brings one path to rest; answers with a few words for the finished job. */
  settle(path: RelPath, cause: Cause, seen?: Seen): Promise<string>;
  /**
   * The same while other paths, neither above nor below this one, are at work. Null: another path comes into it (a move,
   * a folder that has to be made first); what was begun is whole, and the path is to be settled again alone.
   */
  settleBeside(path: RelPath, cause: Cause, seen?: Seen): Promise<string | null>;
  /** Something was made beside this. */
  noteChange(): void;
  /** Begins a download where policy or a pin wants every file here. */
  afterStub(path: RelPath, remote: Entry | undefined): void;
  /** Out of the trash to a free name; false: it was not free, or could not be done. No row follows it. */
  putBack(side: Side, from: RelPath, to: RelPath, expected: Entry): Promise<boolean>;
  /** One step with its journal and record. */
  perform(step: Step, view: PathView, staged: StagedContent | null, why: string): Promise<StepOutcome>;
}

/** For `sideBySide`; what was seen ahead is asked for when its turn has come: it may not count any more by then. */
export function settling(settler: PathSettler, path: RelPath, cause: Cause, seen: () => Seen = () => ({})): Work {
  return {
    path,
    beside: () => settler.settleBeside(path, cause, seen()),
    alone: () => settler.settle(path, cause, seen()),
  };
}

export interface SettlerHooks extends PerformerHooks {
  readonly download: (path: RelPath, decision: Extract<Decision, { kind: 'download' }>) => void;
  readonly upload: Pick<Uploads, 'want' | 'used'>;
  readonly rescan: (path: RelPath) => Promise<void>;
}

const BOTH: Cause = { side: 'both', hydrate: false };

export function createSettler(ports: PairPorts, hooks: SettlerHooks): PathSettler {
  const { base } = ports;
  /** Paths that are being brought to rest right now: a folder waits for what is in it, never the other way round, too. */
  const settling = new Set<RelPath>();
  /** Folders that were a problem, and whether they are at rest by now. */
  const lookedInto = new Map<RelPath, boolean>();

  const { perform, carryOut, putBack, report, hasOpen, closeOpen } = createPerformer(ports, hooks);

  /** A folder that something has to be put into was removed on that side: it comes back (edit beats delete). */
  async function reviveFolder(side: Side, path: RelPath): Promise<boolean> {
    if (path === '') return true;
    const there = await lookAt(ports[side], path);
    if (there.kind === 'directory') return true;
    if (there.kind !== 'absent' || !(await reviveFolder(side, parentOf(path)))) return false;
    const other = await lookAt(ports[otherSide(side)], path);
    if (other.kind !== 'directory') return false;
    const view: PathView = side === 'local' ? { path, base: null, remote: other } : { path, base: null, local: other };
    const outcome = await perform(
      { kind: 'make-directory', side, path, mode: other.mode },
      view,
      null,
      'something is put into it',
    );
    return outcome.kind === 'done';
  }

  async function lacksFolder(path: RelPath): Promise<boolean> {
    const folder = parentOf(path);
    if (folder === '') return false;
    const there = await lookAt(ports.remote, folder);
    return there.kind !== 'directory' && there.kind !== 'unknown';
  }

  function hasFolder(path: RelPath): boolean {
    const parent = parentOf(path);
    return parent === '' || base.get(parent)?.kind === 'directory';
  }

  async function ensureParent(path: RelPath): Promise<boolean> {
    if (hasFolder(path)) return true;
    const parent = parentOf(path);
    const row = base.get(parent);
    if (row?.kind === 'residual') {
      // It was left on one side for what is never synced; now there is something in it that is.
      if ((await lookAt(ports[row.side], path)).kind === 'absent') return false;
      base.record([{ kind: 'forget', path: parent }], []);
    }
    await settle(parent, BOTH);
    return base.get(parent)?.kind === 'directory';
  }

  /** A whole folder by one rename, where everything in it is as it was. */
  async function removeTree(path: RelPath, expected: Entry): Promise<boolean> {
    await guard(ports, { kind: 'remove', side: 'remote', path, expected });
    const removed = await removeRemoteTree(ports, { carryOut }, path, expected);
    if (removed) hooks.changed();
    return removed;
  }

  /**
   * At rest, and no problem any more. A folder that was one is looked into: what happened in it meanwhile was passed over.
   * A stub that shall be a copy is downloaded. False: it has to be alone for that.
   */
  async function mended(path: RelPath, beside: boolean): Promise<boolean> {
    if (lookedInto.has(path)) {
      lookedInto.set(path, true);
      return true;
    }
    if (base.get(path)?.kind === 'directory' && base.isProblem(path)) {
      if (beside) return false;
      lookedInto.set(path, false);
      try {
        await hooks.rescan(path);
        if (lookedInto.get(path) !== true) return true;
      } finally {
        lookedInto.delete(path);
      }
    }
    const row = base.get(path);
    // It stays one until the copy is there: what can not be downloaded is tried less and less often.
    if (row?.kind === 'file' && row.form === 'stub' && base.isProblem(path) && wantAlways(path, row.remote))
      return true;
    // CRASH: last, so that the next try looks into it, too.
    base.clearProblem(path);
    return true;
  }

  /** Its folder is nowhere: neither is what was the matter with it, unless something still lies there. */
  async function passedOver(path: RelPath): Promise<string> {
    if (base.isProblem(path) && base.get(path) === null) {
      const here = await lookAt(ports.local, path);
      const there = await lookAt(ports.remote, path);
      if (here.kind === 'absent' && there.kind === 'absent') base.clearProblem(path);
    }
    return 'its folder is not synced';
  }

  function leaveOut(path: RelPath): string {
    base.clearProblem(path);
    return 'ignored';
  }

  /** Everything below in the base, deepest first. */
  async function settleBelow(path: RelPath): Promise<void> {
    const rows = [...base.below(path)].sort((a, b) => depthOf(b.path) - depthOf(a.path));
    for (const row of rows) if (base.get(row.path) !== null) await settle(row.path, BOTH);
  }

  /** A directory could not be removed: what is in it decides whether it stays on one side only or comes back. */
  async function notEmpty(step: Step): Promise<string> {
    const [listing] = await ports[step.side].list([{ path: step.path }]);
    if (listing?.kind !== 'listing') return 'the folder is looked at again';
    const synced = listing.names.filter(({ name, entry }) => {
      const inside = joinPath(step.path, name);
      return base.get(inside)?.kind !== 'residual' && !ports.ignored(inside, entry.kind === 'directory');
    });
    if (synced.length === 0) {
      const why = 'holds only what is never synced, or stays on this side';
      base.record([{ kind: 'put', record: { kind: 'residual', path: step.path, side: step.side, why } }], []);
      return `stays in ${step.side}: ${why}`;
    }
    base.record([{ kind: 'forget', path: step.path }], []);
    await hooks.rescan(step.path);
    return `came back: ${nameOf(synced[0]?.name as RelPath)} in it is new`;
  }

  /** False: it may be a stub. */
  function wantAlways(path: RelPath, remote: RemotePrint): boolean {
    const always = ports.hydration.always(path, remote.size);
    if (always) hooks.download(path, { kind: 'download', remote, why: 'always wanted here' });
    return always;
  }

  /** A new stub that shall always be a copy. */
  function afterStub(path: RelPath, remote: Entry | undefined): void {
    if (remote?.kind === 'file') wantAlways(path, remotePrint(remote.stat));
  }

  async function afterStep(decision: Extract<Decision, { kind: 'step' }>): Promise<void> {
    const { step, also, below } = decision;
    if (step.kind === 'move' && step.side === 'local' && also !== undefined) {
      base.putConflict({ path: step.from, conflict: also, at: ports.now() });
    }
    if (also !== undefined) await settle(also, BOTH);
    if (below === true) await hooks.rescan(also ?? step.path);
  }

  async function settle(path: RelPath, cause: Cause, seen: Seen = {}): Promise<string> {
    let known = seen;
    if (!hasFolder(path) && !ports.ignored(path, false)) {
      if (!(await ensureParent(path))) return await passedOver(path);
      // Its folder may have been moved here by that, with what is in it.
      known = {};
    }
    const outermost = !settling.has(path);
    settling.add(path);
    try {
      const said = await settleOne(path, cause, known, false);
      if (said === null) throw new Error(`${path} was to be settled alone, and was`);
      return said;
    } finally {
      if (outermost) settling.delete(path);
    }
  }

  async function settleBeside(path: RelPath, cause: Cause, seen: Seen = {}): Promise<string | null> {
    return !hasFolder(path) || hasOpen(path) ? null : settleOne(path, cause, seen, true);
  }

  async function settleOne(path: RelPath, cause: Cause, seen: Seen, beside: boolean): Promise<string | null> {
    if (path === '') return 'the root stays as it is';
    if (ports.ignored(path, false)) return leaveOut(path);
    const open = await closeOpen(path);
    if (open !== null) return open;
    let { asked, ...first }: Seen = seen;
    let childrenDone = false;
    let freshFor = -1;
    let folderSettled = false;
    const acts: string[] = [];
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const record = base.get(path);
      const movedFrom = base.movedFrom(path);
      const known = { path, base: record, movedFrom, nowNs: BigInt(ports.now()) * 1_000_000n, ...first };
      const plan = await plannedFrom(ports, known, turn === 0 ? cause : { ...cause, side: 'both' }, asked);
      const { decision: decided, view } = plan;
      asked = undefined;
      if (folderIn(view) && ports.ignored(path, true)) return leaveOut(path);
      const apart = decided.kind === 'children-first' && childrenDone ? keepApart(view, ports.policy) : null;
      const decision = apart ?? decided;
      if (beside && reachesOut(decision, view)) return null;
      if (takesFromUser(decision, record) && freshFor !== turn) {
        // What was seen ahead may be old by now, even by our own acts, and a mount shows old attributes for a while: a copy
        // goes only for what is so at this moment. ORDER: the marker first: what was planned from what lay there while
        // nothing was mounted is planned anew from what lies there now.
        if (decision.kind === 'step') await guard(ports, decision.step);
        const [remote] = await ports.remote.freshLook([path]);
        first = remote === undefined ? {} : { remote };
        freshFor = turn + 1;
        continue;
      }
      first = {};
      switch (decision.kind) {
        case 'need':
          throw new Error('the planner still needs something');
        case 'nothing':
          base.record(decision.changes, []);
          if (!(await mended(path, beside))) return null;
          return acts.length === 0 ? decision.why : acts.join(', then ');
        case 'download':
          hooks.download(path, decision);
          return 'download begun';
        case 'problem':
          return report(decision.problem);
        case 'children-first':
          if (childrenDone) return 'waits for what is in it';
          childrenDone = true;
          if (
            view.local?.kind === 'absent' &&
            view.remote?.kind === 'directory' &&
            (await removeTree(path, view.remote))
          ) {
            return `folder removed in remote (${decision.why})`;
          }
          await settleBelow(path);
          continue;
        case 'step': {
          const large = decision.step.kind === 'upload' && decision.step.source.size > ports.inlineLimit;
          const ready = decision.step.kind === 'upload' && large ? hooks.upload.want(decision.step) : undefined;
          if (ready === null) return 'upload begun';
          // A commit that comes to nothing has to stage all of it again, and would do so for good.
          const inVain = ready !== undefined && (await lacksFolder(path));
          const outcome: StepOutcome = inVain
            ? { kind: 'stale', saw: ABSENT }
            : await perform(decision.step, view, null, decision.why, { ready, asked: plan.asked });
          if (ready !== undefined && !inVain) hooks.upload.used(ready.slot);
          if (outcome.kind === 'failed') {
            if (outcome.problem.code !== 'not-empty') return report(outcome.problem);
            return beside ? null : notEmpty(decision.step);
          }
          if (outcome.kind === 'stale') {
            if (beside && outcome.saw.kind === 'absent') return null;
            const folder = parentOf(path);
            if (outcome.saw.kind === 'absent' && !(await reviveFolder(decision.step.side, folder))) {
              if (settling.has(folder)) return 'waits for its folder';
              // Something else lies where its folder was: that comes first, and this path may go with it.
              await settle(folder, BOTH);
              if (folderSettled || base.get(folder)?.kind !== 'directory') return 'its folder is not synced';
              folderSettled = true;
            }
            continue;
          }
          acts.push(`${decision.step.kind} in ${decision.step.side} (${decision.why})`);
          if (decision.step.kind === 'make-stub' || decision.step.kind === 'dehydrate') afterStub(path, view.remote);
          await afterStep(decision);
          if (decision.again) continue;
          return (await mended(path, beside)) ? acts.join(', then ') : null;
        }
      }
    }
    const message = 'Keeps changing while it is looked at; it is tried again when it is quiet.';
    return report({ code: 'unsettled', path, side: null, message });
  }

  return { settle, settleBeside, perform, putBack, afterStub, noteChange: hooks.changed };
}
