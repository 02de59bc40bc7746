/** Bytes in memory, read as a file. */
import type { OpenFile, RawStat } from './fs-port.ts';

export function memoryFile(
  bytes: Uint8Array,
  { mode, mtimeNs }: { readonly mode: number; readonly mtimeNs: bigint },
): OpenFile {
  const shown: RawStat = {
    kind: 'file',
    size: bytes.length,
    mode,
    mtimeNs,
    ctimeNs: mtimeNs,
    atimeNs: mtimeNs,
    birthNs: 0n,
    dev: 0n,
    ino: 0n,
    nlink: 1,
  };
  const readOnly = (): Promise<never> => Promise.reject(new Error('bytes in memory are only read'));
  return {
    stat: async () => shown,
    known: async () => shown,
    read: async (into, at) => {
      const some = bytes.subarray(at, at + into.length);
      into.set(some);
      return some.length;
    },
    write: readOnly,
    truncate: readOnly,
    chmod: readOnly,
    setMtime: readOnly,
    sync: readOnly,
    close: async () => undefined,
  };
}
