/** The worker's ports with a crash point around every act that outlives the process. */
import type { Base } from '@lazysync/base';
import { FsError, type FsPort, type OpenFile, type RawStat } from '@lazysync/replica';
import type { Points } from './points.ts';

const MUTATING: ReadonlySet<string> = new Set([
  'mkdir',
  'rmdir',
  'unlink',
  'symlink',
  'link',
  'rename',
  'renameNoReplace',
  'exchange',
  'chmod',
  'setMtime',
  'touchDirectory',
  'setLinkAtime',
]);
const MUTATING_FILE: ReadonlySet<string> = new Set(['write', 'truncate', 'chmod', 'setMtime']);
const POINTS_OF_BASE: ReadonlySet<string> = new Set([
  'begin',
  'record',
  'putTransfer',
  'dropTransfer',
  'putProblem',
  'putConflict',
  'putCommand',
  'putPin',
  'dropPin',
]);
/** Does it come to a transaction? */
function writes(base: Base, key: string, args: readonly unknown[]): boolean {
  switch (key) {
    case 'record':
      return args.slice(0, 3).some((list) => (list as unknown[]).length > 0);
    case 'putSeals':
      return (args[0] as ReadonlyMap<string, unknown>).size > 0;
    case 'keepSealsUnder':
      return base.meta('sealed-under') !== args[0];
    default:
      return true;
  }
}

/** What these say is for people, or is found out anew: written at times of its own, and no part of what must survive. */
const ASIDE: ReadonlySet<string> = new Set([
  'setMeta',
  'clearProblem',
  'clearProblemsBelow',
  'putSeals',
  'keepSealsUnder',
]);

/** What a mount can not do: as sshfs, and as a server without hard links. `capture`: sshfs, and a pair set so. */
export type Abilities = 'disk' | 'sshfs' | 'no-links' | 'capture';

const LACKS: Readonly<Record<Abilities, Readonly<Record<string, string>>>> = {
  disk: {},
  sshfs: { renameNoReplace: 'EINVAL', exchange: 'EINVAL' },
  capture: { renameNoReplace: 'EINVAL', exchange: 'EINVAL' },
  'no-links': { renameNoReplace: 'EINVAL', exchange: 'EINVAL', link: 'EPERM' },
};

type Method = (...args: unknown[]) => unknown;

function wrapFile(file: OpenFile, name: string, points: Points, opened: Set<OpenFile>): OpenFile {
  opened.add(file);
  const wrapped: Record<string, unknown> = {};
  for (const key of ['stat', 'known', 'read', 'write', 'truncate', 'chmod', 'setMtime', 'sync', 'close'] as const) {
    const method = file[key].bind(file) as Method;
    wrapped[key] = (...args: unknown[]) => {
      const act = async (): Promise<unknown> => await method(...args);
      if (key === 'close') opened.delete(file);
      return MUTATING_FILE.has(key) ? points.around(`${name} ${key}`, act) : points.reading(act);
    };
  }
  return wrapped as unknown as OpenFile;
}

export interface WrappedFs {
  readonly fs: FsPort;
  /** Descriptors that a death left open: the kernel would have closed them. */
  closeLeft(): Promise<void>;
}

/** Many links in one go are made one by one here, as in the kernel: it can end after each of them. */
function linkByLink(fs: FsPort): NonNullable<FsPort['makeLinks']> {
  return async (folders, atimeNs) => {
    const seen: (RawStat | string)[] = [];
    for (const { path, target } of folders.flatMap(({ folder, links }) =>
      links.map(({ name, target }) => ({ path: folder === '' ? name : `${folder}/${name}`, target })),
    )) {
      try {
        await fs.symlink(target, path);
        await fs.setLinkAtime(path, atimeNs);
        seen.push(await fs.lstat(path));
      } catch (error) {
        if (!(error instanceof FsError)) throw error;
        seen.push(error.code);
      }
    }
    return seen;
  };
}

export function wrapFs(real: FsPort, side: string, points: Points, abilities: Abilities = 'disk'): WrappedFs {
  const opened = new Set<OpenFile>();
  const wrapped: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(real)) {
    if (typeof value !== 'function' || key === 'close' || key === 'answers') {
      wrapped[key] = value;
      continue;
    }
    const method = value.bind(real) as Method;
    wrapped[key] = (...args: unknown[]) => {
      const lacks = LACKS[abilities][key];
      const act = async (): Promise<unknown> => {
        if (lacks !== undefined) throw new FsError(lacks, key, String(args[0]));
        const found = await method(...args);
        return key === 'create' || key === 'openRead' || key === 'reopen'
          ? wrapFile(found as OpenFile, `${side} ${String(args[0])}`, points, opened)
          : found;
      };
      const isPoint = (MUTATING.has(key) && lacks === undefined) || key === 'create';
      return isPoint ? points.around(`${side} ${key} ${args.join(' ')}`, act) : points.reading(act);
    };
  }
  const fs = wrapped as unknown as FsPort;
  return {
    fs: real.makeLinks === undefined ? fs : { ...fs, makeLinks: linkByLink(fs) },
    async closeLeft() {
      await Promise.all([...opened].map((file) => file.close()));
      opened.clear();
    },
  };
}

export function wrapBase(real: Base, points: Points): Base {
  const wrapped: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(real)) {
    const method = (value as Method).bind(real);
    wrapped[key] = (...args: unknown[]) => {
      const act = (): unknown => method(...args);
      if (!writes(real, key, args)) return points.readingNow(act);
      if (ASIDE.has(key)) return points.asideNow(act);
      return POINTS_OF_BASE.has(key) ? points.aroundNow(`base ${key}`, act) : points.readingNow(act);
    };
  }
  return wrapped as unknown as Base;
}
