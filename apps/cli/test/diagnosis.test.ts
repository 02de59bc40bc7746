import { describe, expect, test } from 'vitest';
import { type Finding, judgeMachine, judgePair, type MachineSeen, type PairSeen } from '../src/diagnosis.ts';

const machine: MachineSeen = {
  node: '24.0.0',
  redisServer: true,
  watches: { limit: 524_288, used: 100, instances: 128 },
};

const pair: PairSeen = {
  id: 'work',
  directories: 500,
  runs: true,
  local: { free: 50_000_000_000, writable: true, linkAtime: true },
  remote: {
    answers: 'yes',
    why: null,
    fsType: 'nfs4',
    readOnly: false,
    writable: true,
    listingCacheMs: 1_000,
    hardLinks: true,
    clockAheadMs: 3,
  },
  problems: 0,
  held: 0,
};
const local = (more: Partial<PairSeen['local']>): PairSeen => ({ ...pair, local: { ...pair.local, ...more } });
const remote = (more: Partial<PairSeen['remote']>): PairSeen => ({ ...pair, remote: { ...pair.remote, ...more } });

const wrong = (findings: readonly Finding[]): readonly Finding[] => findings.filter(({ level }) => level !== 'ok');

test('a machine and a pair in order: nothing to do', () => {
  expect(wrong([...judgeMachine(machine, 500), ...judgePair(pair)])).toEqual([]);
});

describe('each thing that is wrong is said once, with what to do', () => {
  test.each<[string, readonly Finding[], Finding['level'], RegExp, RegExp]>([
    ['no redis-server', judgeMachine({ ...machine, redisServer: false }, 1), 'warn', /not installed/, /apt-get/],
    ['limits hidden', judgeMachine({ ...machine, watches: null }, 1), 'warn', /can not be read/, /proc/],
    [
      'too few watches for the pairs',
      judgeMachine({ ...machine, watches: { limit: 8_192, used: 0, instances: 128 } }, 20_000),
      'bad',
      /of 8,192 watches used, 40,000 needed/,
      /max_user_watches=524288/,
    ],
    [
      'so many folders that the usual limit is too low',
      judgeMachine({ ...machine, watches: { limit: 524_288, used: 0, instances: 128 } }, 400_000),
      'bad',
      /800,000 needed/,
      /max_user_watches=2097152/,
    ],
    [
      'others use up the watches',
      judgeMachine({ ...machine, watches: { limit: 10_000, used: 9_500, instances: 128 } }, 10),
      'warn',
      /9,500 of 10,000/,
      /max_user_watches=/,
    ],
    [
      'few instances',
      judgeMachine({ ...machine, watches: { limit: 524_288, used: 0, instances: 8 } }, 10),
      'warn',
      /only 8 instances/,
      /max_user_instances=512/,
    ],
    ['local can not be written', judgePair(local({ writable: false })), 'bad', /can not be written/, /right to write/],
    ['local is full', judgePair(local({ free: 5_000_000 })), 'warn', /only 5 MB are free/, /lazysync free/],
    ['noatime', judgePair(local({ linkAtime: false })), 'warn', /access times/, /relatime/],
    ['remote is silent', judgePair(remote({ answers: 'silent', why: 'is silent' })), 'bad', /is silent/, /mount it/],
    ['remote is read-only', judgePair(remote({ readOnly: true, writable: false })), 'warn', /stay there/, /to write/],
    [
      'remote can not be written',
      judgePair(remote({ writable: false })),
      'bad',
      /can not be written/,
      /right to write/,
    ],
    ['remote has no hard links', judgePair(remote({ hardLinks: false })), 'warn', /no hard links/, /nothing/],
    [
      'sshfs with its usual cache',
      judgePair(remote({ fsType: 'fuse.sshfs', listingCacheMs: 20_000 })),
      'warn',
      /for 20 s/,
      /dcache_timeout=1/,
    ],
    ['a clock ahead', judgePair(remote({ clockAheadMs: 61_000 })), 'warn', /61 s ahead of ours/, /NTP/],
    ['a clock behind', judgePair(remote({ clockAheadMs: -3_600_000 })), 'warn', /3600 s behind ours/, /NTP/],
    ['nothing runs', judgePair({ ...pair, runs: false }), 'warn', /nothing works/, /lazysync up/],
    ['problems', judgePair({ ...pair, problems: 2 }), 'warn', /2 problems/, /lazysync problems/],
    ['held', judgePair({ ...pair, held: 1 }), 'warn', /1 held in work/, /approve/],
  ])('%s', (_, findings, level, says, mend) => {
    const [found, ...more] = wrong(findings);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ level, says: expect.stringMatching(says), mend: expect.stringMatching(mend) });
  });
});

test('what was not found out yet is no fault', () => {
  const fresh = {
    ...local({ linkAtime: null, free: null }),
    remote: { ...pair.remote, hardLinks: null, clockAheadMs: null },
  };
  expect(wrong(judgePair(fresh))).toEqual([]);
});
