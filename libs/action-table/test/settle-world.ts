/** Brings a world to rest as the worker does, without its processes: pass after pass until one does nothing. */
import {
  type Cause,
  depthOf,
  identityOf,
  isBelow,
  isOwn,
  type Need,
  type Origin,
  otherSide,
  type PathView,
  type Policy,
  parentOf,
  type RelPath,
  recordIdentity,
  type Side,
  sameIdentity,
} from '@lazysync/event-model';
import { changesAfter } from '../src/index.ts';
import { cause, policy } from './build.ts';
import { breach, planFully, type Truth } from './laws.ts';
import { NOW_NS, type World } from './world.ts';

const MAX_TURNS = 12;

export interface Rest {
  readonly passes: number;
  readonly steps: readonly string[];
  /** Paths that were told as a problem in the last pass. */
  readonly problems: ReadonlyMap<RelPath, string>;
  /** Laws broken on the way. */
  readonly breaches: readonly string[];
}

function originOf(world: World, path: RelPath): Origin | null {
  const entry = world.look('local', path);
  const identity = identityOf(entry);
  for (const record of identity === null ? [] : world.base.withIdentity(identity)) {
    if (record.path === path) continue;
    const local = isOwn(record.path) ? ({ kind: 'absent' } as const) : world.look('local', record.path);
    if (sameIdentity(identityOf(local), recordIdentity(record))) continue;
    return { record, local, remote: world.look('remote', record.path) };
  }
  if (entry.kind !== 'stub' || entry.points === null) return null;
  const { points } = entry;
  const local = world.look('local', points);
  const buried = world.base.get(points) === null ? world.base.tombstone(points) : null;
  const record = world.base.get(buried ?? points);
  if (record !== null) return { record, local, remote: world.look('remote', record.path) };
  const remote = world.look('remote', points);
  if (remote.kind !== 'file') return null;
  const link = { ...entry.identity, ino: 0n };
  return { record: { kind: 'file', form: 'stub', path: points, remote: remote.stat, link }, local, remote };
}

function answer(world: World, path: RelPath): (need: Need) => Partial<PathView> {
  return (need) => {
    switch (need) {
      case 'local':
      case 'remote':
        return { [need]: world.look(need, path) };
      case 'local-hash':
        return { localHash: world.content('local', path) };
      case 'remote-hash':
        return { remoteHash: world.content('remote', path) };
      case 'origin':
        return { origin: originOf(world, path) };
      case 'remote-origin':
        return { remoteOrigin: null };
      case 'children':
        return { children: world.base.below(path).length > 0 };
    }
  };
}

/** Names a version of a remote file as fingerprints do. */
export function versionKey(of: { readonly size: number; readonly mtimeNs: bigint }): string {
  return `${of.size}@${of.mtimeNs}`;
}

/** `agreed`: the content behind each base row, which fingerprints stand for. */
export function bringToRest(world: World, agreed: Map<string, string>, first?: Cause): Rest {
  const steps: string[] = [];
  const breaches: string[] = [];
  const problems = new Map<RelPath, string>();
  const of: Policy = { ...policy, conflictPath: (path) => world.freeName(path) };
  let busy = 0;

  function truth(path: RelPath): Truth {
    const row = world.base.get(path);
    let base: string | null = null;
    if (row?.kind === 'symlink') base = `link ${row.localTarget}`;
    if (row?.kind === 'file') base = row.form === 'copy' ? row.hash : (agreed.get(versionKey(row.remote)) ?? null);
    return { local: world.content('local', path), remote: world.content('remote', path), base };
  }

  function notEmpty(side: Side, path: RelPath): void {
    const rows = world.names(side, path).filter((one) => !isOwn(one));
    if (rows.length === 0) return;
    world.base.apply([{ kind: 'forget', path }]);
    pass([path, ...everything().filter((one) => one.startsWith(`${path}/`))], cause());
  }

  function settle(path: RelPath, why: Cause): void {
    const parent = parentOf(path);
    const above = world.base.get(parent);
    if (parent !== '' && above?.kind !== 'directory') {
      // Something to sync appeared in a folder of which only ignored things had stayed: it is a folder like others again.
      if (above?.kind === 'residual' && world.look(above.side, path).kind !== 'absent')
        world.base.apply([{ kind: 'forget', path: parent }]);
      settle(parent, cause());
      if (world.base.get(parent)?.kind !== 'directory') return;
    }
    let childrenDone = false;
    problems.delete(path);
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const start = { path, base: world.base.get(path), movedFrom: world.base.movedFrom(path) };
      const now = turn === 0 ? why : { ...why, side: 'both' as const };
      const planned = planFully(start, now, of, answer(world, path));
      if (planned.kind === 'breach') {
        breaches.push(`${path}: ${planned.why}`);
        return;
      }
      const { decision, view } = planned;
      const bad = breach(decision, view, truth(path), now);
      if (bad !== null) breaches.push(`${path}: ${bad}`);
      switch (decision.kind) {
        case 'need':
        case 'download':
          return;
        case 'problem':
          problems.set(path, decision.problem.code);
          return;
        case 'nothing':
          if (decision.changes.length > 0) busy++;
          world.base.apply(decision.changes);
          return;
        case 'children-first': {
          if (childrenDone) return;
          childrenDone = true;
          const rows = world.base.below(path).toSorted((a, b) => depthOf(b.path) - depthOf(a.path));
          for (const row of rows) settle(row.path, cause());
          continue;
        }
        case 'step': {
          const { step } = decision;
          const outcome = world.carryOut(step);
          if (outcome.kind === 'done') busy++;
          steps.push(`${step.kind} ${step.side} ${step.path}: ${outcome.kind}`);
          if (outcome.kind === 'failed') {
            notEmpty(step.side, path);
            return;
          }
          if (outcome.kind === 'stale') {
            if (outcome.saw.kind === 'absent') revive(step.side, parent);
            continue;
          }
          world.base.apply(changesAfter({ step, ...outcome }, view, null, NOW_NS));
          if (step.side === 'remote' && outcome.after.kind === 'file')
            agreed.set(versionKey(outcome.after.stat), world.content('remote', path) ?? '');
          if (decision.also !== undefined) settle(decision.also, cause());
          if (decision.below === true) pass(everything(), cause());
          if (!decision.again) return;
        }
      }
    }
    problems.set(path, 'unsettled');
  }

  /** A folder into which something has to go was removed on that side: it comes back. */
  function revive(side: Side, path: RelPath): void {
    if (path === '' || world.look(side, path).kind !== 'absent') return;
    const other = world.look(otherSide(side), path);
    if (other.kind !== 'directory') return;
    const view = { path, base: null, [otherSide(side)]: other };
    const step = { kind: 'make-directory', side, path, mode: other.mode } as const;
    const outcome = world.carryOut(step);
    if (outcome.kind === 'done') world.base.apply(changesAfter({ step, ...outcome }, view, null, NOW_NS));
  }

  function everything(): RelPath[] {
    const all = new Set([...world.local.keys(), ...world.remote.keys(), ...world.base.rows.keys()]);
    return [...all].filter((path) => !isOwn(path)).sort((a, b) => depthOf(a) - depthOf(b));
  }

  function pass(paths: readonly RelPath[], why: Cause): void {
    const gone = paths.filter((path) => world.look('local', path).kind === 'absent' && world.base.get(path) !== null);
    const rest = paths.filter((path) => !gone.includes(path));
    for (const path of [...rest, ...gone.toSorted((a, b) => depthOf(b) - depthOf(a))]) settle(path, why);
  }

  for (let passes = 1; passes <= 10; passes++) {
    busy = 0;
    problems.clear();
    pass(everything(), passes === 1 && first !== undefined ? first : cause());
    if (first !== undefined && passes === 1) continue;
    if (busy > 0) continue;
    for (const [path, code] of problems) {
      const above = [...problems.keys()].some((other) => isBelow(path, other));
      if (code === 'unsettled' && !above) breaches.push(`${path}: no rest after ${MAX_TURNS} turns`);
    }
    return { passes, steps, problems, breaches };
  }
  breaches.push('no rest after ten passes');
  return { passes: 10, steps, problems, breaches };
}
