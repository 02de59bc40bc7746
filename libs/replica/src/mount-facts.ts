/** What is known of a mount without touching it: from the mount table and the command line of its FUSE process. */
import fs from 'node:fs';
import { errnoOf, type Mount, mountOf } from '@lazysync/ops';

export interface MountFacts {
  readonly fsType: string;
  readonly source: string;
  /** Every change is made by this host's kernel, which tells of it. */
  readonly seesAllChanges: boolean;
  /** For how long a listing or a stat may be out of date, ms. */
  readonly listingCacheMs: number;
}

/** On a disk (or in the memory) of this host. */
const OWN_DISK: ReadonlySet<string> = new Set([
  ...['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'tmpfs', 'ramfs', 'overlay', 'zfs', 'f2fs', 'bcachefs', 'jfs', 'nilfs2'],
  ...['vfat', 'exfat', 'ntfs3', 'fuseblk', 'hfsplus'],
]);

/** A file keeps its inode number and its birth time, to the nanosecond, as long as it lives. */
const WITH_IDENTITIES: ReadonlySet<string> = new Set(['ext4', 'xfs', 'btrfs', 'tmpfs', 'zfs', 'f2fs', 'bcachefs']);

export function keepsIdentities(fsType: string): boolean {
  return WITH_IDENTITIES.has(fsType);
}

const UNKNOWN_FUSE = 20_000;

/** Command lines of all processes, as far as they can be read. */
export type CommandLines = () => Iterable<readonly string[]>;

export function* runningCommandLines(): Generator<readonly string[]> {
  for (const pid of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      yield fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    } catch (error) {
      // Ended meanwhile, or hidden from us.
      if (errnoOf(error) === null) throw error;
    }
  }
}

function fuseProcess(mount: Mount, name: string, lines: CommandLines): readonly string[] | null {
  const point = mount.mountPoint;
  for (const line of lines()) {
    const program = line[0]?.slice(line[0].lastIndexOf('/') + 1);
    const is = program === name || program === `mount.${name}` || program === `mount.fuse.${name}`;
    // The mount point may have been given relative or with a slash at its end; the source is then still the same.
    if (is && line.some((arg) => arg === point || arg.replace(/\/+$/, '') === point)) return line;
    if (is && line.includes(mount.source)) return line;
  }
  return null;
}

/** All that follows -o, wherever it stands. */
function mountOptions(line: readonly string[]): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  line.forEach((arg, at) => {
    const text = arg === '-o' ? line[at + 1] : arg.startsWith('-o') ? arg.slice(2) : undefined;
    for (const one of text?.split(',') ?? []) {
      const [key = '', value = ''] = one.split('=', 2);
      options.set(key, value);
    }
  });
  return options;
}

function seconds(text: string | undefined, otherwise: number): number {
  const value = Number(text);
  return text === undefined || text === '' || !Number.isFinite(value) ? otherwise : value;
}

function sshfsCacheMs(line: readonly string[] | null): number {
  const given = line === null ? new Map<string, string>() : mountOptions(line);
  const kernel = Math.max(seconds(given.get('attr_timeout'), 1), seconds(given.get('entry_timeout'), 1));
  const off = given.get('dir_cache') === 'no' || given.get('cache') === 'no';
  const all = seconds(given.get('dcache_timeout') ?? given.get('cache_timeout'), 20);
  const each = ['stat', 'dir', 'link'].map((what) =>
    seconds(given.get(`dcache_${what}_timeout`) ?? given.get(`cache_${what}_timeout`), all),
  );
  return 1000 * Math.max(kernel, off ? 0 : Math.max(...each));
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Such as `5m0s`, as rclone writes it, in ms. */
function goDuration(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) return null;
  return parts.reduce((sum, part) => sum + Number(part[1]) * (UNITS[part[2] ?? ''] ?? 0), 0);
}

function rcloneCacheMs(line: readonly string[] | null): number {
  if (line === null) return 300_000;
  for (let at = 0; at < line.length; at++) {
    const arg = line[at] as string;
    const value = arg === '--dir-cache-time' ? line[at + 1] : /^--dir-cache-time=(.*)$/.exec(arg)?.[1];
    const ms = value === undefined ? null : goDuration(value);
    if (ms !== null) return Math.max(ms, 1000);
  }
  return 300_000;
}

function longestOption(mount: Mount, otherwise: number, ...names: readonly string[]): number {
  if (mount.options.includes('noac')) return 0;
  let longest = -1;
  for (const option of mount.options) {
    const [key = '', value] = option.split('=', 2);
    if (names.includes(key)) longest = Math.max(longest, seconds(value, otherwise));
  }
  return 1000 * (longest < 0 ? otherwise : longest);
}

function cacheMs(mount: Mount, lines: CommandLines): number {
  const { fsType } = mount;
  if (OWN_DISK.has(fsType)) return 0;
  if (fsType === 'fuse.sshfs') return sshfsCacheMs(fuseProcess(mount, 'sshfs', lines));
  if (fsType === 'fuse.rclone') return rcloneCacheMs(fuseProcess(mount, 'rclone', lines));
  if (fsType === 'nfs' || fsType === 'nfs4') return longestOption(mount, 60, 'acregmax', 'acdirmax', 'actimeo');
  if (fsType === 'cifs' || fsType === 'smb3') return longestOption(mount, 1, 'acregmax', 'acdirmax', 'actimeo');
  // davfs2 shows as plain `fuse`, with the server's address as its source.
  if (fsType === 'davfs' || fsType === 'fuse.davfs' || /^https?:/.test(mount.source)) return 60_000;
  return UNKNOWN_FUSE;
}

export function factsOf(mount: Mount, lines: CommandLines = runningCommandLines): MountFacts {
  return {
    fsType: mount.fsType,
    source: mount.source,
    seesAllChanges: OWN_DISK.has(mount.fsType),
    listingCacheMs: cacheMs(mount, lines),
  };
}

const NOTHING_KNOWN: MountFacts = {
  fsType: 'unknown',
  source: '',
  seesAllChanges: false,
  listingCacheMs: UNKNOWN_FUSE,
};

/** Never touches the mount. `realRoot` null (a tree that is on no disk): nothing is known. */
export function mountFacts(realRoot: string | null): MountFacts {
  const mount = realRoot === null ? null : mountOf(realRoot);
  return mount === null ? NOTHING_KNOWN : factsOf(mount);
}
