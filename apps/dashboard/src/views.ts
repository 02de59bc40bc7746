/** From what the status and the base say to what the API answers. */
import type { StoredProblem } from '@lazysync/base';
import type { PairReport } from '@lazysync/status';
import { lanePath } from './board.ts';
import type { ListPart, PairDetail, PairSummary, ProblemShape, TransferShape } from './shapes.ts';

/** Of each list of a pair this many come with the pair itself. */
export const FIRST = 50;

export function summaryOf({ status, why, progress, lagMs }: PairReport): PairSummary {
  return { ...status, why, progress, lagMs };
}

export function detailOf(report: PairReport, pins: readonly string[]): PairDetail {
  return {
    ...summaryOf(report),
    lane: lanePath(report.status.id),
    transferList: part(transfersOf(report)),
    problemList: part(report.problems.map(problemOf)),
    heldList: part(report.held.map(problemOf)),
    conflictList: part(conflictsOf(report)),
    pins,
  };
}

export function part<T>(all: readonly T[], offset = 0, limit = FIRST): ListPart<T> {
  return { total: all.length, items: all.slice(offset, offset + limit) };
}

/** What runs comes first. */
export function transfersOf({ transfers }: PairReport): readonly TransferShape[] {
  const rank = { running: 0, staged: 1, queued: 2 } as const;
  return transfers
    .map(({ id, path, state, bytes, remote }): TransferShape => ({ id, path, state, bytes, size: remote.size }))
    .sort((a, b) => rank[a.state] - rank[b.state]);
}

export function problemOf({ path, code, side, message, since }: StoredProblem): ProblemShape {
  return { path, code, side, message, since };
}

/** The newest first. */
export function conflictsOf({ conflicts }: PairReport): PairDetail['conflictList']['items'] {
  return conflicts.map(({ path, conflict, at }) => ({ path, conflict, at })).reverse();
}
