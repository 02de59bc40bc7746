/** `lazysync status`: what pairs are doing. Answers within a second, whatever is down. */
import type { RemoteScanFacts } from '@lazysync/queue';
import type { PairReport, TransferStatus } from '@lazysync/status';
import { findPairs, type PairChoice } from '../find-pairs.ts';
import { readReports } from '../pair-reports.ts';
import { ago, bytes, count, plural, safe, shortPath, table } from '../words.ts';

/** Lines in one pair's part. */
const TRANSFERS_SHOWN = 5;

export async function status(options: PairChoice & { readonly json?: boolean }): Promise<void> {
  const { statusOf, transferListOf } = await import('@lazysync/status');
  const reports = await readReports(await findPairs(options));
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(statusOf(reports), null, 2)}\n`);
    return;
  }
  if (reports.length === 0) {
    process.stdout.write('No pair yet: "lazysync up --remote DIR --local DIR" makes one.\n');
    return;
  }
  process.stdout.write(
    `${reports.map((report) => describe(report, transferListOf(report.transfers), Date.now())).join('\n\n')}\n`,
  );
}

export function describe(report: PairReport, transfers: readonly TransferStatus[], now: number): string {
  const { status: pair, why, progress } = report;
  const rows: (readonly [string, string])[] = [
    ['pair', `${pair.id}   ${shortPath(pair.local)}  <->  ${shortPath(pair.remote)}`],
  ];
  const doing =
    progress !== null && pair.state === 'starting' ? `, ${count(progress.done)} of ${count(progress.total)}` : '';
  rows.push(['state', `${pair.state}${doing}${why === null ? '' : `: ${safe(why)}`}`]);
  rows.push([
    'files',
    `${plural(pair.stubs, 'stub')}, ${plural(pair.copies, 'copy', 'copies')}, ${plural(pair.directories, 'folder')}; ${bytes(pair.cachedBytes)} here, ${bytes(pair.remoteBytes)} remote`,
  ]);
  const open = [
    ...(pair.queued > 0 ? [`${count(pair.queued)} queued`] : []),
    ...(pair.transfers > 0 ? [plural(pair.transfers, 'transfer')] : []),
  ];
  rows.push(['queue', pair.redis === 'down' ? 'unknown' : open.length === 0 ? 'empty' : open.join(', ')]);
  rows.push(...transferRows(transfers, pair.transfers));
  const trouble = [
    ...(pair.conflicts > 0 ? [plural(pair.conflicts, 'conflict')] : []),
    ...(pair.problems > 0 ? [plural(pair.problems, 'problem')] : []),
    ...(pair.held > 0 ? [`${count(pair.held)} held`] : []),
  ];
  if (trouble.length > 0) rows.push(['look at', trouble.join(', ')]);
  if (pair.openReplaces > 0)
    rows.push([
      'replaced',
      `${count(pair.openReplaces)} over a mount that can not exchange names (see "replace: capture")`,
    ]);
  if (pair.remoteScan !== null) rows.push(['remote', remoteWords(pair.remoteScan)]);
  for (const { message, mend } of pair.warnings)
    rows.push(['warning', `${safe(message)}${mend === null ? '' : `   ->  ${mend}`}`]);
  if (pair.lastChange !== null) rows.push(['changed', ago(Date.parse(pair.lastChange), now)]);
  return table(rows);
}

/** The first of them; `all`: how many there are. */
function transferRows(transfers: readonly TransferStatus[], all: number): readonly (readonly [string, string])[] {
  const shown = transfers.slice(0, TRANSFERS_SHOWN);
  const rows = shown.map((one) => [one.direction, `${progressWords(one)}  ${safe(one.path)}`] as const);
  return all > shown.length ? [...rows, ['', `and ${count(all - shown.length)} more`]] : rows;
}

function progressWords({ state, bytes: done, size }: TransferStatus): string {
  if (state === 'staged') return `${bytes(size)}, waits for the queue`;
  const far =
    done === 0 && state === 'queued' ? bytes(size) : `${bytes(done)} of ${bytes(size)}, ${percent(done, size)} %`;
  return state === 'queued' ? `${far}, waits` : far;
}

/** Rounded down: 100 is all of it. */
function percent(done: number, size: number): number {
  return size === 0 ? 100 : Math.min(100, Math.floor((done / size) * 100));
}

/** How the remote is looked at, and what that costs. */
function remoteWords({ pushed, oldestMs, everyMs, duty, folders }: RemoteScanFacts): string {
  if (pushed) return 'its server tells of changes at once';
  const age = `the oldest look at a folder is ${count(Math.round(oldestMs / 1000))} s old`;
  return `${plural(folders, 'folder')} looked at in turn every ${count(everyMs / 1000)} s, ${(duty * 100).toFixed(1)} % of the time; ${age}`;
}
