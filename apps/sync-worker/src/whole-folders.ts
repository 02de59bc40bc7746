/**
 * New folders as a whole: each is filled in the remote's stage folder, where nobody sees it, and gets its name by one
 * rename. A file in it is made under its own name, so it needs no second one: a third of its round trips less
 * (docs/decisions/0010). Whatever comes to nothing is left to steps of its own.
 */
import { depthOf, type Entry, parentOf, type RelPath } from '@lazysync/event-model';
import { guard } from './guards.ts';
import { lookAt } from './look.ts';
import { folderOf, isSmallFile, type NewFolder, type Upload, uploadOf } from './plan-new.ts';
import type { PairPorts } from './ports.ts';
import type { SeenAhead } from './quick-lap.ts';
import { type Done, recordNew } from './record-new.ts';
import type { PathSettler } from './settle-path.ts';
import { sideBySide, type Work } from './side-by-side.ts';
import { upLimit } from './uploads.ts';

interface WholeFolder {
  readonly slot: string;
  readonly top: NewFolder;
  /** Below the top, from the outermost on. */
  readonly folders: NewFolder[];
  readonly uploads: Upload[];
}

/** What has come of one so far. */
interface Filling {
  readonly whole: WholeFolder;
  readonly made: Map<RelPath, Entry>;
  readonly files: Map<string, Done>;
  /** Works that are not over. */
  left: number;
  over: boolean;
}

/** Whoever may not write into a folder can not fill it, nor move it. */
const OWNER = 0o700;
/** What is made in such a folder takes over its group: that has to be made there. */
const SET_GROUP = 0o2000;

async function passesOnItsGroup(ports: PairPorts, folder: RelPath): Promise<boolean> {
  const row = ports.base.get(folder);
  if (row?.kind === 'directory') return (row.remoteMode & SET_GROUP) !== 0;
  const there = await lookAt(ports.remote, folder);
  return there.kind !== 'directory' || (there.mode & SET_GROUP) !== 0;
}

async function plan(ports: PairPorts, tasks: readonly SeenAhead[], fewest: number): Promise<readonly WholeFolder[]> {
  const { base } = ports;
  const troubled = new Set(base.problems().map(({ path }) => path));
  const some = tasks.filter(({ path }) => path !== '' && !troubled.has(path));
  const wholes = new Map<RelPath, WholeFolder>();
  const byDepth = some
    .filter(({ local }) => local?.kind === 'directory')
    .sort((a, b) => depthOf(a.path) - depthOf(b.path));
  for (const task of byDepth) {
    const parent = parentOf(task.path);
    const around = wholes.get(parent);
    const isTop = around === undefined && (parent === '' || base.get(parent)?.kind === 'directory');
    if (!isTop && around === undefined) continue;
    const folder = await folderOf(ports, task);
    if (folder === null || (folder.step.mode & OWNER) !== OWNER) continue;
    if (around === undefined) wholes.set(task.path, { slot: ports.slot(), top: folder, folders: [], uploads: [] });
    else {
      around.folders.push(folder);
      wholes.set(task.path, around);
    }
  }
  for (const task of some) {
    const whole = isSmallFile(task) ? wholes.get(parentOf(task.path)) : undefined;
    const upload = whole === undefined ? null : await uploadOf(ports, task);
    if (upload !== null) whole?.uploads.push(upload);
  }
  const enough = [...new Set(wholes.values())].filter(({ uploads }) => uploads.length >= fewest);
  const parents = [...new Set(enough.map(({ top }) => parentOf(top.step.path)))];
  const shared = await Promise.all(parents.map((folder) => passesOnItsGroup(ports, folder)));
  return enough.filter(({ top }) => shared[parents.indexOf(parentOf(top.step.path))] === false);
}

const stepOf = ({ top }: WholeFolder) => ({ ...top.step, filled: true }) as const;

/** Where below the stage folder a path of it lies. */
function underOf({ slot, top }: WholeFolder, path: RelPath): string {
  return `${slot}${path.slice(top.step.path.length)}`;
}

/** Are there new folders with enough in them, on a mount where a rename puts nothing over what is there? */
export function suitsWholeFolders({ wholeFolders }: PairPorts, tasks: readonly SeenAhead[]): boolean {
  if (wholeFolders === undefined || !wholeFolders.suits()) return false;
  return tasks.some(({ local }) => local?.kind === 'directory') && tasks.length > wholeFolders.fewest;
}

/** Answers with a few words for each path that is at rest now. */
export async function wholeFolders(
  ports: PairPorts,
  settler: Pick<PathSettler, 'noteChange'>,
  tasks: readonly SeenAhead[],
  { width, signal }: { readonly width: number; readonly signal: AbortSignal },
): Promise<ReadonlyMap<RelPath, string>> {
  const said = new Map<RelPath, string>();
  const { base, remote } = ports;
  const wholes = await plan(ports, tasks, ports.wholeFolders?.fewest ?? Number.POSITIVE_INFINITY);
  if (wholes.length === 0) return said;
  const at = ports.now();
  // ORDER: known before it is there. CRASH: what has its name is found there and compared; the rest is undone.
  base.begin(wholes.map((whole) => ({ slot: whole.slot, step: stepOf(whole), side: 'remote', at })));

  async function undo({ slot, ...whole }: WholeFolder): Promise<void> {
    const [undone] = await remote.recover([{ slot, step: stepOf({ slot, ...whole }) }]);
    await guard(ports, whole.top.step);
    if (undone?.kind === 'failed') base.putProblem(undone.problem, ports.now());
    else base.record([], [slot]);
  }

  async function commit(filling: Filling): Promise<void> {
    const { whole, made, files } = filling;
    const { slot, top } = whole;
    filling.over = true;
    if (files.size === 0) return undo(whole);
    await guard(ports, top.step);
    const [outcome] = await remote.carryOut([{ slot, step: stepOf(whole) }]);
    // CRASH: unmounted in the middle, as with any step: what was mounted holds the half of it, and the journal keeps that.
    await guard(ports, top.step);
    if (outcome?.kind !== 'done') return undo(whole);
    const folders = [top, ...whole.folders].flatMap((folder) => {
      const after = folder === top ? outcome.after : made.get(folder.step.path);
      return after === undefined ? [] : [{ ...folder, after }];
    });
    for (const [path, words] of recordNew(ports, whole.uploads, { folders, files }, [slot])) said.set(path, words);
    settler.noteChange();
  }

  async function fillFolder(filling: Filling, { step }: NewFolder): Promise<void> {
    const inside = step.path !== filling.whole.top.step.path;
    if (inside && !filling.made.has(parentOf(step.path))) return;
    const outcome = await remote.stageFolder(underOf(filling.whole, step.path), step.mode);
    if (outcome.kind === 'done') filling.made.set(step.path, outcome.after);
  }

  async function fillFile(filling: Filling, { slot, step }: Upload): Promise<void> {
    if (!filling.made.has(parentOf(step.path))) return;
    const under = underOf(filling.whole, step.path);
    const outcome = await remote.stage({ slot, step, under, ...upLimit(ports) });
    if (outcome.kind !== 'staged') return;
    const { stat, hash, source } = outcome.upload;
    filling.files.set(slot, { kind: 'done', after: { kind: 'file', stat }, hash, source });
  }

  const fillings = wholes.map((whole): Filling => {
    const left = 1 + whole.folders.length + whole.uploads.length;
    return { whole, made: new Map(), files: new Map(), left, over: false };
  });
  const works = fillings.flatMap((filling): Work[] => {
    const { top, folders, uploads } = filling.whole;
    const work = (path: RelPath, fill: () => Promise<void>): Work => {
      const act = async (): Promise<string> => {
        await fill();
        if (--filling.left === 0) await commit(filling);
        return '';
      };
      return { path, beside: act, alone: act };
    };
    return [
      ...[top, ...folders].map((one) => work(one.step.path, () => fillFolder(filling, one))),
      ...uploads.map((one) => work(one.step.path, () => fillFile(filling, one))),
    ];
  });
  try {
    await sideBySide(works, width, signal);
  } catch (error) {
    // Asked to stop, and nothing is wrong: what was filled so far is not done again. All are waited for: nothing may be
    // under way when the journal is replayed.
    const open = signal.aborted ? fillings.filter(({ over }) => !over) : [];
    const ended = await Promise.allSettled(open.map(commit));
    throw ended.find((one) => one.status === 'rejected')?.reason ?? error;
  }
  return said;
}
