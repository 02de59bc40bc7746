/** The rows as Markdown, for people, and what they come to in JSON. */
import { median, short } from './numbers.ts';
import { sum } from './processes.ts';
import type { Row } from './row.ts';

export type Verdict = 'met' | 'missed' | null;

function limitOf({ goal, floor }: Row): number | null {
  if (goal === null) return null;
  if (goal.kind !== 'times') return goal.value;
  return floor === null ? null : goal.value * median(floor.values);
}

export function verdictOf(row: Row): Verdict {
  const limit = limitOf(row);
  if (limit === null || row.ours.length === 0) return null;
  const ours = median(row.ours);
  return (row.goal?.kind === 'least' ? ours >= limit : ours <= limit) ? 'met' : 'missed';
}

function goalText({ goal }: Row): string {
  if (goal === null) return '';
  switch (goal.kind) {
    case 'most':
      return `≤ ${short(goal.value)}`;
    case 'least':
      return `≥ ${short(goal.value)}`;
    case 'times':
      return `≤ ${short(goal.value)} × floor`;
  }
}

function useText(row: Row): string {
  const parts: string[] = [];
  if (row.processes !== undefined)
    parts.push(`CPU ${short(sum(row.processes, 'cpu'))} s, RSS ${short(sum(row.processes, 'rss'))} MiB`);
  if (row.wire !== undefined) parts.push(`${short((row.wire.up + row.wire.down) / 1024)} KiB on the wire`);
  return parts.join(', ');
}

export function summaryOf(row: Row) {
  const ours = median(row.ours);
  const floor = row.floor === null ? null : median(row.floor.values);
  return {
    ...row,
    median: ours,
    floorMedian: floor,
    timesFloor: floor === null ? null : ours / floor,
    limit: limitOf(row),
    verdict: verdictOf(row),
    peerMedians: Object.fromEntries(row.peers.map((peer) => [peer.what, median(peer.values)])),
  };
}

export function markdownOf(rows: readonly Row[]): string {
  const head = ['', 'where', 'what', 'unit', 'goal', 'floor', 'peers', 'ours', '× floor', '', 'used'];
  const lines = rows.map((row) => {
    const { median: ours, floorMedian, timesFloor, verdict } = summaryOf(row);
    return [
      row.workload,
      row.where,
      row.what,
      row.unit,
      goalText(row),
      row.floor === null || floorMedian === null ? '' : `${short(floorMedian)} (${row.floor.what})`,
      row.peers.map((peer) => `${peer.what} ${short(median(peer.values))}`).join(', '),
      short(ours),
      timesFloor === null ? '' : short(timesFloor),
      verdict ?? '',
      useText(row),
    ];
  });
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Each process of the rows that looked at them. */
export function processTable(rows: readonly Row[]): string {
  const seen = rows.filter((row) => row.processes !== undefined);
  if (seen.length === 0) return '';
  const lines = seen.flatMap((row) =>
    (row.processes ?? []).map(
      (one) =>
        `| ${row.workload} | ${row.where} | ${row.what} | ${one.name} | ${short(one.cpu)} | ${short(one.rss)} | ${short(one.peak)} | ${short(one.pss)} |`,
    ),
  );
  const head = '| | where | what | process | CPU s | RSS MiB | most MiB | PSS MiB |\n|---|---|---|---|---|---|---|---|';
  return `${head}\n${lines.join('\n')}`;
}
