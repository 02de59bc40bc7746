/** Which file system a path lies on, from /proc/self/mountinfo: never touches the mount itself. */
import { readFileSync } from 'node:fs';
import { device } from './stat-calls.ts';

export interface Mount {
  /** As in /proc/self/mounts: ext4, fuse.sshfs ... */
  readonly fsType: string;
  readonly source: string;
  readonly mountPoint: string;
  /** `major:minor` of the file system: the same for all places at which it can be seen. */
  readonly device?: string;
  /** Mount options and super options together. */
  readonly options: readonly string[];
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Lines of mountinfo, in order. A line that is not understood is left out. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const [front, back] = line.split(' - ', 2);
    if (front === undefined || back === undefined) continue;
    const fields = front.split(' ');
    const [fsType, source, superOptions] = back.split(' ');
    const mountPoint = fields[4];
    if (mountPoint === undefined || fsType === undefined) continue;
    mounts.push({
      fsType,
      source: unescaped(source ?? ''),
      mountPoint: unescaped(mountPoint),
      ...(fields[2] === undefined ? {} : { device: fields[2] }),
      options: [...(fields[5] ?? '').split(','), ...(superOptions ?? '').split(',')].filter((one) => one !== ''),
    });
  }
  return mounts;
}

/** The mount that an absolute real path lies on, or null. */
export function mountAmong(mounts: readonly Mount[], realPath: string): Mount | null {
  let best: Mount | null = null;
  for (const mount of mounts) {
    const { mountPoint } = mount;
    const holds = mountPoint === '/' || realPath === mountPoint || realPath.startsWith(`${mountPoint}/`);
    // A later line of the same length was mounted over the earlier one.
    if (holds && (best === null || mountPoint.length >= best.mountPoint.length)) best = mount;
  }
  return best;
}

export function mountOf(realPath: string): Mount | null {
  return mountAmong(parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')), realPath);
}

/** The type of the file system with this `st_dev`, or null. The numbers of network mounts are given again. */
export function fileSystemOf(dev: bigint): string | null {
  for (const mount of parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))) {
    const [major, minor] = (mount.device ?? '').split(':').map(Number);
    if (major !== undefined && minor !== undefined && device(major, minor) === dev) return mount.fsType;
  }
  return null;
}
