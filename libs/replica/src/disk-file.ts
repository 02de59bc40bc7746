/** An open file of a tree. Bytes always move through the thread pool: a local disk may be slow to answer for them. */
import fs from 'node:fs';
import {
  errnoOf,
  failed,
  setDirect,
  setTimesOf,
  setTimesOfAsync,
  statDescriptor,
  statDescriptorAsync,
} from '@lazysync/ops';
import { FsError, type OpenFile, type RawStat } from './fs-port.ts';
import { rawStat, rawStatx } from './raw-stat.ts';

type Callback<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

export interface DiskFile extends OpenFile {
  readonly fd: number;
}

export interface FileMode {
  /** Calls may be made at once (a local disk). */
  readonly atOnce: boolean;
  readonly reading: boolean;
  /** Past the kernel's cache. */
  readonly direct: boolean;
  /** Called when a call has come back, whatever with. */
  readonly answered: () => void;
}

export function openFile(fd: number, path: string, { atOnce, reading, direct, answered }: FileMode): DiskFile {
  let open = true;
  const later = <T>(call: string, run: (callback: Callback<T>) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      run((error, value) => {
        answered();
        if (error === null) resolve(value as T);
        else reject(new FsError(errnoOf(error) ?? 'EIO', call, path, error));
      });
    });
  const known = async (): Promise<RawStat> =>
    rawStat(await later('stat', (done) => fs.fstat(fd, { bigint: true }, done)));
  const stat = async (): Promise<RawStat> => {
    const shown = atOnce ? statDescriptor(fd) : await statDescriptorAsync(fd);
    if (!failed(shown)) return rawStatx(shown);
    if (shown !== 'ENOSYS' && shown !== 'EINVAL') throw new FsError(shown, 'stat', path);
    return known();
  };
  const read = (into: Uint8Array, at: number): Promise<number> =>
    later('read', (done) => fs.read(fd, into, 0, into.length, at, done));
  const readDirectly = async (into: Uint8Array, at: number): Promise<number> => {
    try {
      return await read(into, at);
    } catch (error) {
      // What lies behind this mount takes only whole blocks so.
      if (!(error instanceof FsError && error.code === 'EINVAL')) throw error;
      if (open) setDirect(fd, false);
      return await read(into, at);
    }
  };
  return {
    fd,
    stat,
    // A disk of this host knows nothing better, and is asked at once.
    known: atOnce ? stat : known,
    read: direct ? readDirectly : read,
    async write(bytes, at) {
      for (let from = 0; from < bytes.length; ) {
        const start = from;
        from += await later<number>('write', (done) =>
          fs.write(fd, bytes, start, bytes.length - start, at + start, done),
        );
      }
    },
    truncate: (size) => later('truncate', (done) => fs.ftruncate(fd, size, done)),
    chmod: (mode) => later('chmod', (done) => fs.fchmod(fd, mode, done)),
    async setMtime(mtimeNs) {
      const error = atOnce ? setTimesOf(fd, { mtimeNs }) : await setTimesOfAsync(fd, { mtimeNs });
      if (error !== null) throw new FsError(error, 'set mtime', path);
    },
    sync: () => later('sync', (done) => fs.fsync(fd, done)),
    async close() {
      if (!open) return;
      open = false;
      try {
        await later<void>('close', (done) => fs.close(fd, done));
      } catch (error) {
        // The descriptor is gone all the same, and where nothing was written nothing can be lost by that.
        if (!reading) throw error;
      }
    },
  };
}
