/**
 * FsPort on a real tree. Parents are opened with openat2, which follows no symlink and leaves the root for nothing, and
 * the act is Node's own call on `/proc/self/fd/N/name`. (sshfs resolves paths again on the server: there somebody who
 * swaps a folder for a link on the server in between is not kept out.)
 */
import fs from 'node:fs';
import {
  decodeStatx,
  errnoOf,
  failed,
  O_PATH,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  type Result,
  STATX_BYTES,
  setDirect,
  statName,
  writersOf,
} from '@lazysync/ops';
import { createDirectReads } from './direct-reads.ts';
import { AT_ONCE, type Calls, LATER } from './disk-calls.ts';
import { openFile } from './disk-file.ts';
import { createDiskRoot, type Opened } from './disk-root.ts';
import { scanAtOnce, scanLater } from './disk-scan.ts';
import { FsError, type FsPort, type NewLinks, type OpenFile, type RawName, type RawStat } from './fs-port.ts';
import { createLinkTexts, type LinkTexts } from './link-texts.ts';
import { createLinkMaker, portionsOf } from './link-thread.ts';
import { escapeBytes, REPLACED, rawStat, rawStatx, textOf } from './raw-stat.ts';

const { O_DIRECTORY, O_RDONLY, O_RDWR, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
const FOLDER = O_PATH | O_DIRECTORY;

export interface DiskOptions {
  /** Real path of the root, without symlinks in it. */
  readonly root: string;
  /** `local`: calls are made at once. `mount`: through the thread pool, since any of them may hang. */
  readonly mode: 'local' | 'mount';
  /** Does fsync of a directory prove anything? Default: in local mode. */
  readonly syncDirectories?: boolean;
}

export interface DiskFs extends FsPort {
  readonly root: NonNullable<FsPort['root']>;
  readonly scan: NonNullable<FsPort['scan']>;
  /** Closes the root's descriptor; another call opens it again. */
  close(): void;
  /**
   * Calls that the disk or the server behind a mount has answered so far. What may have come out of a mount's cache does
   * not count: sshfs goes on answering lstat for 20 s after its link went dead.
   */
  answers(): number;
}

/** A folder opened for an act in it, and the name of the thing in there (`.` for the root itself). */
interface Place {
  readonly fd: number;
  readonly name: string;
  /** Path of the thing by way of the descriptor. */
  readonly at: string;
}

function placeOf(fd: number, name: string): Place {
  return { fd, name, at: `/proc/self/fd/${fd}/${name}` };
}

/** Rejects what no RelPath can be: a bug above must not lead out of the root. */
function checked(path: string): string {
  if (path.includes('\0') || path.startsWith('/') || /(^|\/)\.{0,2}(\/|$)/.test(path)) {
    if (path !== '') throw new FsError('EINVAL', 'open', path);
  }
  return path;
}

const CACHED_CALLS: ReadonlySet<string> = new Set(['lstat', 'readlink', 'readdir']);

/** Made in one go. */
const LINKS = 4_000;

/** Local calls give the event loop a turn after this long, ms. */
const TURN = 10;

export function createDiskFs(options: DiskOptions): DiskFs {
  const local = options.mode === 'local';
  const calls: Calls = local ? AT_ONCE : LATER;
  const root = createDiskRoot(options.root, calls);
  const texts: LinkTexts | null = local ? createLinkTexts() : null;
  const syncDirectories = options.syncDirectories ?? local;
  const statBuffer = Buffer.alloc(STATX_BYTES);
  let answers = 0;
  const answered = (): void => {
    answers++;
  };
  const READING = { atOnce: local, reading: true, direct: false, answered };
  const WRITING = { atOnce: local, reading: false, direct: false, answered };
  const isDirect = local ? (): boolean => false : createDirectReads();
  const links = createLinkMaker({ turn: () => turn() });
  let turned = performance.now();
  let made = 0;

  /** Calls made at once would keep timers and sockets waiting for as long as they go on. */
  const turn = async (): Promise<void> => {
    made = 0;
    if (performance.now() - turned < TURN) return;
    await new Promise((resolve) => setImmediate(resolve));
    turned = performance.now();
  };

  const guarded = async <T>(call: string, path: string, run: (rootFd: number) => Promise<T>): Promise<T> => {
    checked(path);
    if (local && ++made >= 32) await turn();
    let opened: Opened | undefined;
    try {
      opened = await root.acquire();
      const result = await run(opened.fd);
      if (!CACHED_CALLS.has(call)) answered();
      return result;
    } catch (error) {
      if (error instanceof FsError) throw error;
      const code = errnoOf(error);
      if (code === null) throw error;
      throw new FsError(code, call, path, error);
    } finally {
      if (opened !== undefined) root.release(opened);
    }
  };

  const opened = (result: Result<number>, call: string, path: string): number => {
    if (failed(result)) throw new FsError(result, call, path);
    return result;
  };

  /** Runs in the folder that holds `path`. Closing an O_PATH descriptor never waits for a server. */
  const inParent = async <T>(
    rootFd: number,
    call: string,
    path: string,
    run: (place: Place) => Promise<T>,
  ): Promise<T> => {
    const cut = path.lastIndexOf('/');
    if (cut < 0) return await run(placeOf(rootFd, path === '' ? '.' : path));
    const fd = opened(await calls.openBeneath(rootFd, path.slice(0, cut), FOLDER), call, path);
    try {
      return await run(placeOf(fd, path.slice(cut + 1)));
    } finally {
      fs.closeSync(fd);
    }
  };

  const inFolder = async <T>(
    rootFd: number,
    call: string,
    path: string,
    run: (fd: number) => Promise<T>,
  ): Promise<T> => {
    if (path === '') return await run(rootFd);
    const fd = opened(await calls.openBeneath(rootFd, path, FOLDER), call, path);
    try {
      return await run(fd);
    } finally {
      fs.closeSync(fd);
    }
  };

  const at = <T>(call: string, path: string, run: (place: Place) => T | Promise<T>): Promise<T> =>
    guarded(call, path, (rootFd) => inParent(rootFd, call, path, async (place) => await run(place)));

  const between = (call: string, from: string, to: string, run: (a: Place, b: Place) => void | Promise<void>) =>
    guarded(call, from, (rootFd) =>
      inParent(rootFd, call, from, (a) => inParent(rootFd, call, checked(to), async (b) => await run(a, b))),
    );

  const renamed = (call: string, from: string, to: string, flags: number): Promise<void> =>
    between(call, from, to, async (a, b) => {
      const error = await calls.renameat2(a.fd, a.name, b.fd, b.name, flags);
      if (error !== null) throw new FsError(error, call, from);
    });

  const statOf = async (place: Place, path: string): Promise<RawStat> => {
    if (!local) return rawStat(await calls.lstat(place.at));
    const failure = statName(place.fd, place.name, statBuffer);
    if (failure !== null) throw new FsError(failure, 'lstat', path);
    return rawStatx(decodeStatx(statBuffer));
  };

  const textAt = async (place: Place, path: string): Promise<string> => {
    const text = await calls.readlink(place.at);
    if (!text.includes(REPLACED)) return text;
    const exact = textOf(await calls.readlinkBytes(place.at));
    if (exact === null) throw new FsError('EILSEQ', 'readlink', path);
    return exact;
  };

  /** By way of its own descriptor: chmod by name would follow a link. */
  const chmodAt = async (place: Place, path: string, mode: number): Promise<void> => {
    const fd = path === '' ? place.fd : opened(await calls.openBeneath(place.fd, place.name, O_PATH), 'chmod', path);
    try {
      await calls.chmod(`/proc/self/fd/${fd}`, mode);
    } finally {
      if (fd !== place.fd) fs.closeSync(fd);
    }
  };

  const remember = async (place: Place, path: string, text: string): Promise<void> => {
    if (texts === null) return;
    texts.put(await statOf(place, path), text);
  };

  const makeLinks = async (rootFd: number, folders: readonly NewLinks[], atimeNs: bigint) => {
    for (const { folder } of folders) checked(folder);
    const seen: (RawStat | string)[] = [];
    for (const some of portionsOf(folders, LINKS)) {
      const { stats, failures } = await links.make({ rootFd, folders: some, atimeNs });
      const failed = new Map(failures);
      const all = Buffer.from(stats.buffer, stats.byteOffset, stats.byteLength);
      const targets = some.flatMap((one) => one.links.map(({ target }) => target));
      for (const [at, target] of targets.entries()) {
        const failure = failed.get(at);
        if (failure !== undefined) {
          seen.push(failure);
          continue;
        }
        const stat = rawStatx(decodeStatx(all.subarray(at * STATX_BYTES, (at + 1) * STATX_BYTES)));
        // RACE: somebody may have put something else there: no link, or one of another text, which has an inode of its own.
        if (stat.kind === 'symlink') texts?.put(stat, target);
        seen.push(stat);
      }
    }
    return seen;
  };

  const names = async (fd: number): Promise<RawName[]> => {
    const folder = `/proc/self/fd/${fd}/.`;
    const found = await calls.readdir(folder);
    if (!found.some((name) => name.includes(REPLACED))) return found.map((name) => ({ name, utf8: true }));
    const exact = await calls.readdirBytes(folder);
    return exact.map((bytes) => {
      const name = textOf(bytes);
      return name === null ? { name: escapeBytes(bytes), utf8: false } : { name, utf8: true };
    });
  };

  /** Looks first: opening a fifo or a device may do something, whatever the flags. */
  const lookedAt = async (place: Place, path: string): Promise<RawStat> => {
    const stat = await statOf(place, path);
    if (stat.kind === 'directory') throw new FsError('EISDIR', 'open', path);
    if (stat.kind === 'symlink') throw new FsError('ELOOP', 'open', path);
    if (stat.kind !== 'file') throw new FsError('ENXIO', 'open', path);
    return stat;
  };

  const openRegular = async (place: Place, path: string, access = O_RDONLY): Promise<number> => {
    await lookedAt(place, path);
    return await calls.open(place.at, access | O_NOFOLLOW | O_NONBLOCK);
  };

  return {
    root: { renew: () => root.renew(), distrust: () => root.distrust() },
    close() {
      links.close();
      root.close();
    },
    answers: () => answers,
    lstat: (path) => at('lstat', path, (place) => statOf(place, path)),
    readlink: (path) =>
      at('readlink', path, async (place) => {
        if (texts === null) return await textAt(place, path);
        const before = await statOf(place, path);
        const known = texts.get(before);
        if (known !== undefined) return known;
        const text = await textAt(place, path);
        // RACE: the text may be that of a link that took this one's place meanwhile.
        const after = await statOf(place, path);
        if (after.ino === before.ino && after.birthNs === before.birthNs) texts.put(before, text);
        return text;
      }),
    readdir: (path) => guarded('readdir', path, (rootFd) => inFolder(rootFd, 'readdir', path, names)),
    scan: (path) =>
      guarded('readdir', path, (rootFd) =>
        inFolder(rootFd, 'readdir', path, async (fd) => {
          const found = await names(fd);
          return local ? scanAtOnce(fd, path, found) : await scanLater(fd, found);
        }),
      ),
    mkdir: (path, mode) => at('mkdir', path, async (place) => void (await calls.mkdir(place.at, mode))),
    rmdir: (path) => at('rmdir', path, (place) => calls.rmdir(place.at)),
    unlink: (path) => at('unlink', path, (place) => calls.unlink(place.at)),
    symlink: (target, path) =>
      at('symlink', path, async (place) => {
        await calls.symlink(target, place.at);
        await remember(place, path, target);
      }),
    ...(local
      ? {
          lstatIn: (folder: string, all: readonly string[]) =>
            guarded('lstat', folder, (rootFd) =>
              inFolder(rootFd, 'lstat', folder, async (fd) =>
                all.map((name) => {
                  const failure = statName(fd, checked(name), statBuffer);
                  return failure ?? rawStatx(decodeStatx(statBuffer));
                }),
              ),
            ),
          makeLinks: (folders: readonly NewLinks[], atimeNs: bigint) =>
            guarded('symlink', '', (rootFd) => makeLinks(rootFd, folders, atimeNs)),
        }
      : {}),
    link: (from, to) => between('link', from, to, (a, b) => calls.link(a.at, b.at)),
    rename: (from, to) => between('rename', from, to, (a, b) => calls.rename(a.at, b.at)),
    renameNoReplace: (from, to) => renamed('rename', from, to, RENAME_NOREPLACE),
    exchange: (a, b) => renamed('exchange', a, b, RENAME_EXCHANGE),
    chmod: (path, mode) => at('chmod', path, (place) => chmodAt(place, path, mode)),
    setMtime: (path, mtimeNs) =>
      at('set mtime', path, async (place) => {
        const error = await calls.setTimes(place.fd, place.name, { mtimeNs });
        if (error !== null) throw new FsError(error, 'set mtime', path);
      }),
    touchDirectory: (path) =>
      guarded('touch', path, (rootFd) =>
        inFolder(rootFd, 'touch', path, async (fd) => {
          const error = await calls.setTimes(fd, '.', { atimeNs: 'now', mtimeNs: 'now' });
          if (error !== null) throw new FsError(error, 'touch', path);
        }),
      ),
    setLinkAtime: (path, atimeNs) =>
      at('set atime', path, async (place) => {
        const error = await calls.setTimes(place.fd, place.name, { atimeNs });
        if (error !== null) throw new FsError(error, 'set atime', path);
      }),
    openRead: (path): Promise<OpenFile> =>
      at('open', path, async (place) => {
        // ORDER: asked before the file is open: that needs a descriptor, too, and may fail for want of one.
        const wish = isDirect((await lookedAt(place, path)).dev);
        const fd = await calls.open(place.at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        return openFile(fd, path, { ...READING, direct: wish && setDirect(fd, true) === null });
      }),
    reopen: (path): Promise<OpenFile> =>
      at('open', path, async (place) => openFile(await openRegular(place, path, O_RDWR), path, WRITING)),
    create: (path, mode): Promise<OpenFile> =>
      at('create', path, async (place) =>
        openFile(await calls.open(place.at, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode), path, WRITING),
      ),
    openForWriting: (path) =>
      at('open', path, async (place) => {
        const file = openFile(await openRegular(place, path), path, READING);
        try {
          return writersOf(file.fd);
        } finally {
          await file.close();
        }
      }),
    async syncDirectory(path) {
      if (!syncDirectories) return;
      await guarded('sync', path, (rootFd) =>
        inFolder(rootFd, 'sync', path, async (folder) => {
          const file = openFile(await calls.open(`/proc/self/fd/${folder}/.`, O_RDONLY | O_DIRECTORY), path, WRITING);
          try {
            await file.sync();
          } finally {
            await file.close();
          }
        }),
      );
    },
  };
}
