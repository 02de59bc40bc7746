/** What is wrong on this machine or with a pair, and what to do about it. Pure: judges what was seen. */
import { bytes, count, plural } from './words.ts';

export interface Finding {
  readonly level: 'ok' | 'warn' | 'bad';
  /** Such as `inotify` or `remote`. */
  readonly about: string;
  readonly says: string;
  /** What to do; null: nothing. */
  readonly mend: string | null;
}

export interface MachineSeen {
  /** Such as `24.21.0`. */
  readonly node: string;
  readonly redisServer: boolean;
  /** Of the kernel, for this user; null: can not be read. */
  readonly watches: { readonly limit: number; readonly used: number; readonly instances: number } | null;
}

export interface PairSeen {
  readonly id: string;
  readonly directories: number;
  readonly runs: boolean;
  readonly local: {
    /** Bytes that this user may still fill; null: can not be told. */
    readonly free: number | null;
    readonly writable: boolean;
    /** As found out at the last start; null: not started yet. */
    readonly linkAtime: boolean | null;
  };
  readonly remote: {
    readonly answers: 'yes' | 'silent' | 'broken' | 'absent';
    readonly why: string | null;
    readonly fsType: string;
    readonly readOnly: boolean;
    readonly writable: boolean;
    /** ms. */
    readonly listingCacheMs: number;
    readonly hardLinks: boolean | null;
    /** ms that the clock of the remote is ahead of ours; null: not known. */
    readonly clockAheadMs: number | null;
  };
  readonly problems: number;
  readonly held: number;
}

const LOW_SPACE = 1_000_000_000;
const CLOCK_OFF_MS = 10_000;
const SLOW_LISTING_MS = 5_000;

const ok = (about: string, says: string): Finding => ({ level: 'ok', about, says, mend: null });
const warn = (about: string, says: string, mend: string): Finding => ({ level: 'warn', about, says, mend });
const bad = (about: string, says: string, mend: string): Finding => ({ level: 'bad', about, says, mend });

export function judgeMachine(seen: MachineSeen, directories: number): readonly Finding[] {
  return [
    ok('node', `Node ${seen.node}`),
    seen.redisServer
      ? ok('redis-server', 'is installed')
      : warn(
          'redis-server',
          'is not installed: needed unless you name your own Redis',
          'sudo apt-get install redis-server',
        ),
    ...judgeWatches(seen.watches, directories),
  ];
}

/** Both folders of a pair are watched, each folder of them once. */
function judgeWatches(watches: MachineSeen['watches'], directories: number): readonly Finding[] {
  if (watches === null) return [warn('inotify', 'its limits can not be read', 'is /proc mounted?')];
  const { limit, used, instances } = watches;
  const needed = 2 * directories;
  const says = `${count(used)} of ${plural(limit, 'watch', 'watches')} used, ${count(needed)} needed for the pairs`;
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(524_288, 2 * needed)));
  const found =
    needed > limit * 0.8
      ? bad('inotify', says, `sudo sysctl fs.inotify.max_user_watches=${wanted}`)
      : used > limit * 0.9
        ? warn('inotify', says, `sudo sysctl fs.inotify.max_user_watches=${wanted}`)
        : ok('inotify', says);
  return instances < 32
    ? [
        found,
        warn('inotify', `only ${instances} instances are allowed`, 'sudo sysctl fs.inotify.max_user_instances=512'),
      ]
    : [found];
}

export function judgePair(pair: PairSeen): readonly Finding[] {
  return [...judgeLocal(pair), ...judgeRemote(pair), ...judgeOpen(pair)];
}

function judgeLocal({ local }: PairSeen): readonly Finding[] {
  const found: Finding[] = [];
  if (!local.writable) found.push(bad('local', 'can not be written by this user', 'give this user the right to write'));
  if (local.free !== null && local.free < LOW_SPACE)
    found.push(warn('local', `only ${bytes(local.free)} are free`, 'lazysync free PATH, or lazysync trash empty'));
  if (local.linkAtime === false)
    found.push(
      warn(
        'local',
        'its file system keeps no access times of links (noatime?): every open of a remote file counts as one of its stub',
        'mount it with relatime',
      ),
    );
  return found.length > 0 ? found : [ok('local', 'writable, shows when a stub is opened')];
}

function judgeRemote({ remote }: PairSeen): readonly Finding[] {
  if (remote.answers !== 'yes')
    return [bad('remote', remote.why ?? 'does not answer', 'mount it again; copies go on working, changes wait')];
  const found: Finding[] = [];
  if (remote.readOnly)
    found.push(warn('remote', 'is mounted read-only: changes made in local stay there', 'mount it to write'));
  else if (!remote.writable)
    found.push(bad('remote', 'can not be written by this user', 'give this user the right to write'));
  if (remote.hardLinks === false && !remote.readOnly)
    found.push(
      warn(
        'remote',
        'has no hard links: for moments a file that is replaced is absent there',
        'nothing, unless the server can be told to allow them',
      ),
    );
  if (remote.listingCacheMs > SLOW_LISTING_MS)
    found.push(
      warn(
        'remote',
        `its mount keeps listings for ${Math.round(remote.listingCacheMs / 1000)} s: changes by other hosts are seen that late`,
        remote.fsType === 'fuse.sshfs'
          ? 'mount it with -o dcache_timeout=1'
          : 'mount it with a shorter attribute cache',
      ),
    );
  if (remote.clockAheadMs !== null && Math.abs(remote.clockAheadMs) > CLOCK_OFF_MS) {
    const seconds = Math.round(Math.abs(remote.clockAheadMs) / 1000);
    const says = `its clock is ${seconds} s ${remote.clockAheadMs > 0 ? 'ahead of' : 'behind'} ours`;
    found.push(warn('remote', says, 'set both clocks by NTP'));
  }
  return found.length > 0 ? found : [ok('remote', `answers (${remote.fsType})`)];
}

function judgeOpen({ id, runs, problems, held }: PairSeen): readonly Finding[] {
  const found: Finding[] = [];
  if (!runs) found.push(warn('runs', 'nothing works this pair now', 'lazysync up'));
  if (problems > 0) found.push(warn('problems', plural(problems, 'problem'), 'lazysync problems'));
  if (held > 0) found.push(warn('held', `${count(held)} held in ${id}`, 'lazysync approve, or lazysync reject'));
  return found.length > 0 ? found : [ok('runs', 'no problems, nothing held')];
}
