/** What of a job may go up in packs: new small files, and the new folders that they lie in. */
import { depthOf, parentOf, type RelPath } from '@lazysync/event-model';
import { PACK_BYTES, PACK_FILES, PACK_FOLDERS } from '@lazysync/replica';
import { folderOf, isSmallFile, type NewFolder, type Upload, uploadOf } from './plan-new.ts';
import type { PairPorts } from './ports.ts';
import type { SeenAhead } from './quick-lap.ts';

export interface Pack {
  readonly folders: readonly NewFolder[];
  readonly uploads: readonly Upload[];
}

/** As many files in one pack as it may hold; the first has all folders. */
function inPacks(uploads: readonly Upload[], folders: readonly NewFolder[]): readonly Pack[] {
  const packs: { folders: readonly NewFolder[]; uploads: Upload[] }[] = [];
  let bytes = 0;
  for (const upload of uploads) {
    const { size } = upload.step.source;
    let last = packs.at(-1);
    if (last === undefined || last.uploads.length === PACK_FILES || bytes + size > PACK_BYTES) {
      packs.push((last = { folders: packs.length === 0 ? folders : [], uploads: [] }));
      bytes = 0;
    }
    last.uploads.push(upload);
    bytes += size;
  }
  return packs;
}

/** Nothing where there are fewer files than a pack is worth. */
export async function planPacks(
  ports: PairPorts,
  tasks: readonly SeenAhead[],
  fewest: number,
): Promise<readonly Pack[]> {
  const { base } = ports;
  const troubled = new Set(base.problems().map(({ path }) => path));
  const some = tasks.filter(({ path }) => path !== '' && !troubled.has(path));
  const folders = new Map<RelPath, NewFolder>();
  const hasFolder = (path: RelPath): boolean => {
    const parent = parentOf(path);
    return parent === '' || folders.has(parent) || base.get(parent)?.kind === 'directory';
  };
  const byDepth = some
    .filter(({ local }) => local?.kind === 'directory')
    .sort((a, b) => depthOf(a.path) - depthOf(b.path));
  for (const task of byDepth) {
    if (folders.size === PACK_FOLDERS) break;
    const folder = hasFolder(task.path) ? await folderOf(ports, task) : null;
    if (folder !== null) folders.set(task.path, folder);
  }
  const uploads: Upload[] = [];
  for (const task of some) {
    const upload = isSmallFile(task) && hasFolder(task.path) ? await uploadOf(ports, task) : null;
    if (upload !== null) uploads.push(upload);
  }
  return uploads.length < fewest ? [] : inPacks(uploads, [...folders.values()]);
}
