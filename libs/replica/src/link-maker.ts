/** Many links in one go: plain calls, in whichever thread. */
import { closeSync, constants } from 'node:fs';
import { failed, O_PATH, openBeneath, STATX_BYTES, setTimes, statName, symlinkName } from '@lazysync/ops';
import type { NewLinks } from './fs-port.ts';

export interface MadeLinks {
  /** For each link, in order, what lies under its name then, as the kernel wrote it. */
  readonly stats: Uint8Array<ArrayBuffer>;
  /** Which of them failed, and by what errno name. */
  readonly failures: readonly (readonly [number, string])[];
}

/** `rootFd`: of an open directory that the folders lie below. */
export function makeLinksBelow(rootFd: number, folders: readonly NewLinks[], atimeNs: bigint): MadeLinks {
  const count = folders.reduce((sum, { links }) => sum + links.length, 0);
  const stats = Buffer.from(new ArrayBuffer(count * STATX_BYTES));
  const failures: [number, string][] = [];
  let at = 0;
  for (const { folder, links } of folders) {
    const fd = folder === '' ? rootFd : openBeneath(rootFd, folder, O_PATH | constants.O_DIRECTORY);
    for (const { name, target } of links) {
      const into = stats.subarray(at * STATX_BYTES, (at + 1) * STATX_BYTES);
      const failure = failed(fd)
        ? fd
        : (symlinkName(target, fd, name) ?? setTimes(fd, name, { atimeNs }) ?? statName(fd, name, into));
      if (failure !== null) failures.push([at, failure]);
      at++;
    }
    if (!failed(fd) && fd !== rootFd) closeSync(fd);
  }
  return { stats, failures };
}
