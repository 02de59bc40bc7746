/** A look that no attribute cache answers: the file is opened and its descriptor is asked. */
import type { Anchors, Entry, RelPath } from '@lazysync/event-model';
import { entryFromError, fileStat, look, mapParallel } from './entry-of.ts';
import { FsError, type FsPort } from './fs-port.ts';

export async function freshLook(
  fs: FsPort,
  paths: readonly RelPath[],
  options: { readonly anchors: Anchors; readonly parallel: number },
): Promise<readonly Entry[]> {
  const seen = await look(fs, paths, options);
  const pairs = seen.map((entry, i) => ({ entry, path: paths[i] }));
  return await mapParallel(pairs, options.parallel, async ({ entry, path }): Promise<Entry> => {
    if (entry.kind !== 'file' || path === undefined) return entry;
    try {
      const file = await fs.openRead(path);
      try {
        const stat = await file.stat();
        return { kind: 'file', stat: fileStat(stat) };
      } finally {
        await file.close();
      }
    } catch (error) {
      // EACCES: it is there and can not be opened: unknown, never absent.
      if (error instanceof FsError) return entryFromError(error.code);
      throw error;
    }
  });
}
