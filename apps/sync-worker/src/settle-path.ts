/**
 * The loop: look, plan, journal, carry out, record, and again until the path is at rest. Everything the worker does to
 * a tree goes through here, one step at a time.
 */
import { changesAfter, keepApart, planPath } from '@lazysync/action-table';
import {
  type BaseChange,
  type BaseRecord,
  type Cause,
  type Decision,
  depthOf,
  type Entry,
  nameOf,
  otherSide,
  type PathView,
  type Problem,
  parentOf,
  type RelPath,
  recordIdentity,
  remotePrint,
  type Side,
  type StagedContent,
  type Step,
  type StepOutcome,
  sameIdentity,
} from '@lazysync/event-model';
import { guard, isGuarded } from './guards.ts';
import { fill, lookAt } from './look.ts';
import type { PairPorts } from './ports.ts';
import { removeRemoteTree } from './remove-tree.ts';
import { replayIntent } from './replay-journal.ts';
import { dropOverwritten } from './trash.ts';

/** A path that keeps changing under our hands is left for later. */
const MAX_TURNS = 12;

/** Nothing to undo or to finish after a crash: looking again comes to the same. */
const UNJOURNALED: ReadonlySet<Step['kind']> = new Set(['make-stub', 'make-directory', 'make-symlink', 'set-metadata']);

/** Failures that a step comes to only when it has put everything back. */
const CLEAN: ReadonlySet<Problem['code']> = new Set(['not-empty', 'being-written', 'unreadable']);

/** What was already seen of a path, so that the first look can be spared. */
export interface Seen {
  readonly local?: Entry;
  readonly remote?: Entry;
}

export interface PathSettler {
  /** Brings one path to rest; answers with a few words for the finished job. */
  settle(path: RelPath, cause: Cause, seen?: Seen): Promise<string>;
  /** Begins a download where policy or a pin wants every file here. */
  afterStub(path: RelPath, remote: Entry | undefined): void;
  /** Out of the trash to a free name; false: it was not free, or could not be done. No row follows it. */
  putBack(side: Side, from: RelPath, to: RelPath, expected: Entry): Promise<boolean>;
  /** One step with its journal and record. */
  perform(step: Step, view: PathView, staged: StagedContent | null, why: string): Promise<StepOutcome>;
}

export interface SettlerHooks {
  readonly download: (path: RelPath, decision: Extract<Decision, { kind: 'download' }>) => void;
  readonly rescan: (path: RelPath) => Promise<void>;
  readonly changed: () => void;
}

/**
 * Takes away or renames what is the user's in local: only what the base knows as our own stub, or an empty folder, is
 * made again at no cost.
 */
function takesFromUser(decision: Decision, base: BaseRecord | null): boolean {
  if (decision.kind !== 'step' || decision.step.side !== 'local') return false;
  const { step } = decision;
  switch (step.kind) {
    case 'remove':
      if (step.expected.kind === 'directory') return false;
      return !(
        step.expected.kind === 'stub' &&
        base !== null &&
        sameIdentity(recordIdentity(base), step.expected.identity)
      );
    case 'dehydrate':
    case 'move':
      return true;
    case 'make-stub':
    case 'make-directory':
    case 'make-symlink':
    case 'hydrate':
    case 'repoint':
    case 'set-metadata':
      return false;
  }
}

/** Patterns such as `build/` are for folders only: what lies here has to be seen before they count. */
function folderIn(view: PathView): boolean {
  return [view.local?.kind, view.remote?.kind, view.base?.kind].includes('directory');
}

const BOTH: Cause = { side: 'both', hydrate: false };

export function createSettler(ports: PairPorts, hooks: SettlerHooks): PathSettler {
  const { base } = ports;
  /** Paths that are being brought to rest right now: a folder waits for what is in it, never the other way round, too. */
  const settling = new Set<RelPath>();

  function report(problem: Problem): string {
    base.putProblem(problem, ports.now());
    return problem.message;
  }

  async function carryOut(slot: string, step: Step): Promise<StepOutcome> {
    const replica = ports[step.side];
    let order: Parameters<typeof replica.stage>[0] = { slot, step };
    if (!UNJOURNALED.has(step.kind)) base.begin([{ ...order, side: step.side, at: ports.now() }]);
    if (step.kind === 'upload') {
      const outcome = await replica.stage(order);
      if (outcome.kind !== 'staged') return outcome;
      order = { ...order, staged: outcome.upload };
      // CRASH: the content lies in the stage folder, and the journal knows it: recovery can tell it from a rival's file.
      base.begin([{ ...order, side: step.side, at: ports.now(), staged: outcome.upload }]);
    }
    const [outcome] = await replica.carryOut([order]);
    if (outcome === undefined) throw new Error(`no outcome of ${step.kind} ${step.path}`);
    return outcome;
  }

  /**
   * A call failed in the middle of a step (EIO, a full disk): how far it came is found out, and it is finished or undone,
   * as after a crash. `open`: that is not possible now either, and the journal keeps it.
   */
  async function mended(
    order: { readonly slot: string; readonly step: Step },
    outcome: StepOutcome,
  ): Promise<{ readonly outcome: StepOutcome; readonly open: boolean }> {
    if (outcome.kind !== 'failed' || UNJOURNALED.has(order.step.kind) || CLEAN.has(outcome.problem.code))
      return { outcome, open: false };
    const staged = base.intents().find(({ slot }) => slot === order.slot)?.staged;
    const [found] = await ports[order.step.side].recover([staged === undefined ? order : { ...order, staged }]);
    return { outcome: found?.kind === 'finished' ? found.outcome : outcome, open: found?.kind === 'failed' };
  }

  /** A step of this path that broke off is finished or undone before anything new is planned. Null: nothing stands open. */
  async function stillOpen(path: RelPath): Promise<string | null> {
    for (const intent of base.intents()) {
      const { step } = intent;
      const touches = step.path === path || (step.kind === 'move' && step.from === path);
      if (touches && !(await replayIntent(ports, intent)))
        return 'its last step can be neither finished nor undone yet';
    }
    return null;
  }

  async function perform(step: Step, view: PathView, staged: StagedContent | null, why: string): Promise<StepOutcome> {
    if (isGuarded(step)) await guard(ports, step);
    const slot = ports.slot();
    const { outcome, open } = await mended({ slot, step }, await carryOut(slot, step));
    if (open) return outcome;
    // CRASH: unmounted in the middle: it looks as if nothing were there, while the half of it lies in what was mounted.
    // The journal keeps it until that is back.
    // RACE: between the look at the marker and the call one new link or folder may come into whatever is mounted there by
    // then; it is not written down as made.
    if (step.side === 'remote' && (outcome.kind !== 'done' || UNJOURNALED.has(step.kind))) await guard(ports, step);
    const changes: readonly BaseChange[] =
      outcome.kind === 'done' ? changesAfter({ step, ...outcome }, view, staged, BigInt(ports.now()) * 1_000_000n) : [];
    // ORDER: base, tombstone and cleared journal in one transaction, and only then is the job acknowledged.
    const acts = outcome.kind === 'done' ? [{ path: step.path, act: `${step.kind} in ${step.side}`, why }] : [];
    base.record(changes, [slot], acts, ports.now());
    if (outcome.kind === 'done') {
      hooks.changed();
      if (outcome.open === true) base.setMeta('open-replaces', String(Number(base.meta('open-replaces') ?? 0) + 1));
      // What was buried may turn up elsewhere, and has its content only there.
      const overwritten = step.kind === 'upload' || step.kind === 'dehydrate';
      const needed = changes.some((change) => change.kind === 'bury');
      if (ports.keepOverwritten === false && overwritten && outcome.trashed !== undefined && !needed)
        await dropOverwritten(ports, step.side, slot);
      ports.log('debug', 'step done', { step: step.kind, side: step.side, path: step.path });
    }
    return outcome;
  }

  async function putBack(side: Side, from: RelPath, to: RelPath, expected: Entry): Promise<boolean> {
    const slot = ports.slot();
    const outcome = await carryOut(slot, { kind: 'move', side, from, path: to, expected });
    base.record([], [slot], [{ path: to, act: `restore in ${side}`, why: 'asked for' }], ports.now());
    if (outcome.kind === 'failed') report(outcome.problem);
    if (outcome.kind === 'done') hooks.changed();
    return outcome.kind === 'done';
  }

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

  async function ensureParent(path: RelPath): Promise<boolean> {
    const parent = parentOf(path);
    const row = parent === '' ? null : base.get(parent);
    if (parent === '' || row?.kind === 'directory') return true;
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

  /** Everything below in the base, deepest first. True when nothing is left below. */
  async function settleBelow(path: RelPath): Promise<boolean> {
    const rows = [...base.below(path)].sort((a, b) => depthOf(b.path) - depthOf(a.path));
    for (const row of rows) if (base.get(row.path) !== null) await settle(row.path, BOTH);
    return !base.hasBelow(path);
  }

  /** A directory could not be removed: what is in it decides whether it stays on one side only or comes back. */
  async function notEmpty(step: Step): Promise<string> {
    const [listing] = await ports[step.side].list([{ path: step.path }]);
    if (listing?.kind !== 'listing') return 'the folder is looked at again';
    const synced = listing.names.filter(
      ({ name, entry }) => !ports.ignored(`${step.path}/${name}` as RelPath, entry.kind === 'directory'),
    );
    if (synced.length === 0) {
      const why = 'holds only what is never synced';
      base.record([{ kind: 'put', record: { kind: 'residual', path: step.path, side: step.side, why } }], []);
      return `stays in ${step.side}: ${why}`;
    }
    base.record([{ kind: 'forget', path: step.path }], []);
    await hooks.rescan(step.path);
    return `came back: ${nameOf(synced[0]?.name as RelPath)} in it is new`;
  }

  async function plan(view: PathView, cause: Cause): Promise<readonly [Decision, PathView]> {
    let known = view;
    for (;;) {
      const decision = planPath(known, cause, ports.policy);
      if (decision.kind !== 'need') return [decision, known];
      known = await fill(ports, known, decision.what);
    }
  }

  /** A new stub that shall always be a copy. */
  function afterStub(path: RelPath, remote: Entry | undefined): void {
    if (remote?.kind !== 'file' || !ports.hydration.always(path, remote.stat.size)) return;
    hooks.download(path, { kind: 'download', remote: remotePrint(remote.stat), why: 'always wanted here' });
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
    if (path === '') return 'the root stays as it is';
    if (ports.ignored(path, false)) return 'ignored';
    if (!(await ensureParent(path))) return 'its folder is not synced';
    const outermost = !settling.has(path);
    settling.add(path);
    try {
      return await settleOne(path, cause, seen);
    } finally {
      if (outermost) settling.delete(path);
    }
  }

  async function settleOne(path: RelPath, cause: Cause, seen: Seen): Promise<string> {
    const open = await stillOpen(path);
    if (open !== null) return open;
    let first = seen;
    let childrenDone = false;
    let freshFor = -1;
    let folderSettled = false;
    const acts: string[] = [];
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const record = base.get(path);
      const movedFrom = base.movedFrom(path);
      const [planned, view] = await plan(
        { path, base: record, movedFrom, nowNs: BigInt(ports.now()) * 1_000_000n, ...first },
        turn === 0 ? cause : { ...cause, side: 'both' },
      );
      if (folderIn(view) && ports.ignored(path, true)) return 'ignored';
      const apart = planned.kind === 'children-first' && childrenDone ? keepApart(view, ports.policy) : null;
      const decision = apart ?? planned;
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
          base.clearProblem(path);
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
          const outcome = await perform(decision.step, view, null, decision.why);
          if (outcome.kind === 'failed') {
            return outcome.problem.code === 'not-empty' ? notEmpty(decision.step) : report(outcome.problem);
          }
          if (outcome.kind === 'stale') {
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
          base.clearProblem(path);
          return acts.join(', then ');
        }
      }
    }
    const message = 'Keeps changing while it is looked at; it is tried again when it is quiet.';
    return report({ code: 'unsettled', path, side: null, message });
  }

  return { settle, perform, putBack, afterStub };
}
