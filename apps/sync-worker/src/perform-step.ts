/** One step of a path: guards, journal, the act itself, and what came of it into the base. */
import { changesAfter } from '@lazysync/action-table';
import {
  ABSENT,
  type BaseChange,
  type Entry,
  type PathView,
  type Problem,
  type RelPath,
  type Side,
  type StagedContent,
  type Step,
  type StepOutcome,
} from '@lazysync/event-model';
import type { Order } from '@lazysync/replica';
import { atOnce } from './at-once.ts';
import { guard, isGuarded } from './guards.ts';
import { countOpenReplace, createJournal, openAt } from './journal.ts';
import type { PairPorts } from './ports.ts';
import { replayIntent } from './replay-journal.ts';
import { dropOverwritten } from './trash.ts';
import { type ReadyUpload, upLimit } from './uploads.ts';

/** Nothing to undo or to finish after a crash: looking again comes to the same. */
const UNJOURNALED: ReadonlySet<Step['kind']> = new Set(['make-stub', 'make-directory', 'make-symlink', 'set-metadata']);

/** Failures that a step comes to only when it has put everything back. */
const CLEAN: ReadonlySet<Problem['code']> = new Set(['not-empty', 'being-written', 'unreadable']);

/** Of an upload. */
export interface UploadMore {
  /** Its content is staged already. */
  readonly ready?: ReadyUpload | undefined;
  /** What a look at its name, which it was planned without, will say. */
  readonly asked?: Promise<Entry> | undefined;
}

export interface Performer {
  /** One step with its journal and record. */
  perform(
    step: Step,
    view: PathView,
    staged: StagedContent | null,
    why: string,
    more?: UploadMore,
  ): Promise<StepOutcome>;
  /** Journaled and carried out, but not recorded. */
  carryOut(slot: string, step: Step, more?: UploadMore): Promise<StepOutcome>;
  /** Out of the trash to a free name; false: it was not free, or could not be done. No row follows it. */
  putBack(side: Side, from: RelPath, to: RelPath, expected: Entry): Promise<boolean>;
  /** Steps of this path that broke off stand in the journal. */
  hasOpen(path: RelPath): boolean;
  /** These are finished or undone before anything new is planned. Null: nothing stands open. */
  closeOpen(path: RelPath): Promise<string | null>;
  report(problem: Problem): string;
}

export interface PerformerHooks {
  readonly changed: () => void;
  /** A stage name is still there. */
  readonly left: (slot: string) => void;
}

export function createPerformer(ports: PairPorts, hooks: PerformerHooks): Performer {
  const { base } = ports;
  const journal = createJournal(ports);
  /** What is staged is seen by nobody; only acts that change a tree count for the width. */
  const changing = atOnce(ports.width);

  function report(problem: Problem): string {
    base.putProblem(problem, ports.now());
    return problem.message;
  }

  async function carryOut(slot: string, step: Step, { ready, asked }: UploadMore = {}): Promise<StepOutcome> {
    const replica = ports[step.side];
    let order: Order = ready === undefined ? { slot, step } : { slot, step, staged: ready.staged };
    if (!UNJOURNALED.has(step.kind)) await journal.begin({ ...order, side: step.side, at: ports.now() });
    if (step.kind === 'upload' && ready === undefined) {
      // Nobody sees what is staged, so the guards are asked meanwhile. All are waited for: nothing may be under way when
      // the journal is replayed.
      const [staging, guarding, looking] = await Promise.allSettled([
        replica.stage({ ...order, ...upLimit(ports) }),
        guard(ports, step),
        asked ?? ABSENT,
      ]);
      if (guarding.status === 'rejected') throw guarding.reason;
      if (looking.status === 'rejected') throw looking.reason;
      if (staging.status === 'rejected') throw staging.reason;
      // What it was planned without is dropped, as if the commit had found the name taken.
      if (looking.value.kind !== 'absent') return { kind: 'stale', saw: looking.value };
      const outcome = staging.value;
      // No part was asked for.
      if (outcome.kind === 'broken-off') return { ...outcome, kind: 'failed' };
      if (outcome.kind !== 'staged') return outcome;
      order = { ...order, staged: outcome.upload };
      // CRASH: the content lies in the stage folder, and the journal knows it: recovery can tell it from a rival's file.
      await journal.begin({ ...order, side: step.side, at: ports.now(), staged: outcome.upload });
    }
    const [outcome] = await changing(() => replica.carryOut([order]));
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

  async function closeOpen(path: RelPath): Promise<string | null> {
    for (const intent of openAt(base, path))
      if (!(await replayIntent(ports, intent))) return 'its last step can be neither finished nor undone yet';
    return null;
  }

  async function perform(
    step: Step,
    view: PathView,
    staged: StagedContent | null,
    why: string,
    more: UploadMore = {},
  ): Promise<StepOutcome> {
    const { ready } = more;
    if (isGuarded(step) && (step.kind !== 'upload' || ready !== undefined)) await guard(ports, step);
    const slot = ready?.slot ?? ports.slot();
    const { outcome, open } = await mended({ slot, step }, await carryOut(slot, step, more));
    if (open) return outcome;
    // CRASH: unmounted in the middle: it looks as if nothing were there, while the half of it lies in what was mounted.
    // The journal keeps it until that is back.
    // RACE: between the look at the marker and the call one new link or folder may come into whatever is mounted there by
    // then; it is not written down as made.
    if (step.side === 'remote' && (outcome.kind !== 'done' || UNJOURNALED.has(step.kind))) await guard(ports, step);
    if (outcome.kind === 'stale' && (step.kind === 'upload' || step.kind === 'copy')) {
      // CRASH: unmounted in the middle, and mounted again by now: what was staged before lies where it could not be removed.
      await ports.remote.discard([slot]);
      await guard(ports, step);
    }
    const changes: readonly BaseChange[] =
      outcome.kind === 'done' ? changesAfter({ step, ...outcome }, view, staged, BigInt(ports.now()) * 1_000_000n) : [];
    // ORDER: base, tombstone and cleared journal in one transaction, and only then is the job acknowledged.
    const acts = outcome.kind === 'done' ? [{ path: step.path, act: `${step.kind} in ${step.side}`, why }] : [];
    const left = outcome.kind === 'done' && outcome.left === true;
    const over = left ? [{ slot, side: step.side, step, at: ports.now() }] : [];
    await journal.record(changes, left || UNJOURNALED.has(step.kind) ? [] : [slot], acts, over);
    if (left) hooks.left(slot);
    if (outcome.kind === 'done') {
      hooks.changed();
      if (outcome.open === true) countOpenReplace(base);
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
    const step: Step = { kind: 'move', side, from, path: to, expected, restored: true };
    const { outcome, open } = await mended({ slot, step }, await carryOut(slot, step));
    const done = outcome.kind === 'done';
    const acts = done ? [{ path: to, act: `restore in ${side}`, why: 'asked for' }] : [];
    // ORDER: the tombstone goes with the record: what could not be put back is still known as what was deleted.
    if (!open) base.record(done ? [{ kind: 'forget', path: from }] : [], [slot], acts, ports.now());
    if (outcome.kind === 'failed') report(outcome.problem);
    if (done) hooks.changed();
    return done;
  }

  return { perform, carryOut, putBack, report, closeOpen, hasOpen: (path) => openAt(base, path).length > 0 };
}
