/** Every cell of base x local x remote, with every flag: what follows from the promises holds in each of them. */
import type { Cause, Need, Origin, PathView, Policy, Side } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { absent, cause, copyRow, policy, stat, stub, stubRow } from './build.ts';
import { breach, planFully, type Truth } from './laws.ts';
import {
  BASE,
  type BaseState,
  LOCAL,
  ORIGIN_COPY,
  ORIGIN_LINK,
  originRemote,
  PATH,
  possible,
  REMOTE,
  type SideState,
  worth,
} from './states.ts';

interface Flags {
  readonly side: Cause['side'];
  readonly hydrate: boolean;
  /** A hash that can not be had, on one side or both. */
  readonly blind: readonly Side[];
  readonly compareLimit: number;
  readonly children: boolean;
  readonly originRemote: 'same' | 'edited' | 'absent' | 'unknown';
}

interface Cell {
  readonly name: string;
  readonly base: BaseState;
  readonly local: SideState;
  readonly remote: SideState;
}

const originVersions = {
  same: originRemote.entry,
  edited: { kind: 'file', stat: stat(10, 950, 41) },
  absent,
  unknown: { kind: 'unknown', reason: 'EIO' },
} as const;

function originOf({ local }: Cell, flags: Flags): Origin | null {
  if (local.origin === undefined) return null;
  const remote = originVersions[flags.originRemote];
  const then = stat(9, 900, 41);
  if (local.entry.kind === 'file') {
    return { record: copyRow('o', stat(9, 900, ORIGIN_COPY), then, { hash: 'origin' }), local: absent, remote };
  }
  const record = stubRow('o', then, ORIGIN_LINK);
  return { record, local: local.origin === 'gone' ? absent : stub('o', ORIGIN_LINK), remote };
}

function* cells(): Generator<Cell> {
  for (const [b, base] of Object.entries(BASE)) {
    for (const [l, local] of Object.entries(LOCAL)) {
      if (!possible(l, base)) continue;
      for (const [r, remote] of Object.entries(REMOTE)) {
        yield { name: `base: ${b}; local: ${l}; remote: ${r}`, base, local, remote };
      }
    }
  }
}

function* flagsOf(cell: Cell): Generator<Flags> {
  const origins =
    cell.local.origin === undefined ? (['same'] as const) : (['same', 'edited', 'absent', 'unknown'] as const);
  for (const side of ['local', 'remote', 'both'] as const)
    for (const hydrate of [false, true])
      for (const blind of [[], ['local'], ['remote'], ['local', 'remote']] as const)
        for (const compareLimit of [0, 1_000_000])
          for (const children of cell.base.row?.kind === 'directory' ? [false, true] : [false])
            for (const origin of origins) yield { side, hydrate, blind, compareLimit, children, originRemote: origin };
}

function answer(cell: Cell, flags: Flags): (need: Need) => Partial<PathView> {
  const hash = (side: Side): string | null => (flags.blind.includes(side) ? null : worth(cell[side]));
  return (need) => {
    switch (need) {
      case 'local':
        return { local: cell.local.entry };
      case 'remote':
        return { remote: cell.remote.entry };
      case 'local-hash':
        return { localHash: hash('local') };
      case 'remote-hash':
        return { remoteHash: hash('remote') };
      case 'origin':
        return { origin: originOf(cell, flags) };
      case 'remote-origin':
        return { remoteOrigin: null };
      case 'children':
        return { children: flags.children };
    }
  };
}

function truthOf({ local, remote, base }: Cell): Truth {
  return { local: worth(local), remote: worth(remote), base: base.content ?? null };
}

/** Only what depends on more than one decision; the rest is in `laws`. */
function visit(check: (cell: Cell, flags: Flags, truth: Truth, policy: Policy) => string | null): string[] {
  const found: string[] = [];
  for (const cell of cells()) {
    const truth = truthOf(cell);
    for (const flags of flagsOf(cell)) {
      const bad = check(cell, flags, truth, { ...policy, compareLimit: flags.compareLimit });
      if (bad !== null) found.push(`${cell.name}; ${JSON.stringify(flags)}: ${bad}`);
    }
  }
  return found;
}

test('no cell breaks a promise, and each is decided after at most six questions', () => {
  let count = 0;
  const kinds = new Map<string, number>();
  const found = visit((cell, flags, truth, of) => {
    count++;
    const why = cause(flags.side, flags.hydrate);
    const planned = planFully({ path: PATH, base: cell.base.row }, why, of, answer(cell, flags));
    if (planned.kind === 'breach') return planned.why;
    const { decision, view } = planned;
    const kind = decision.kind === 'step' ? `${decision.step.kind} ${decision.step.side}` : decision.kind;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    return breach(decision, view, truth, why);
  });
  console.log(`cells: ${count}`);
  expect(found.slice(0, 20)).toEqual([]);
  expect(found).toHaveLength(0);
  // Each act that one path can lead to is in the cube: none of the laws above was idle.
  expect([...kinds.keys()].sort()).toEqual([
    'children-first',
    'copy remote',
    'dehydrate local',
    'download',
    'make-directory local',
    'make-directory remote',
    'make-stub local',
    'make-symlink local',
    'make-symlink remote',
    'move local',
    'move remote',
    'nothing',
    'problem',
    'remove local',
    'remove remote',
    'repoint local',
    'set-metadata local',
    'set-metadata remote',
    'upload remote',
  ]);
});

test('what was seen beforehand changes no decision', () => {
  const found = visit((cell, flags, _truth, of) => {
    if (flags.side !== 'both' || flags.blind.length > 0) return null;
    const why = cause('both', flags.hydrate);
    const ask = answer(cell, flags);
    const bare = planFully({ path: PATH, base: cell.base.row }, why, of, ask);
    const given = { path: PATH, base: cell.base.row, ...ask('local'), ...ask('remote'), ...ask('children') };
    const full = planFully(given, why, of, ask);
    if (bare.kind === 'breach' || full.kind === 'breach') return 'undecided';
    return JSON.stringify(bare.decision, spell) === JSON.stringify(full.decision, spell) ? null : 'differs';
  });
  expect(found).toEqual([]);
});

test('the side of the cause only spares looks: it never changes what is done to a path', () => {
  const found = visit((cell, flags, _truth, of) => {
    if (flags.side === 'both') return null;
    const ask = answer(cell, flags);
    const one = planFully({ path: PATH, base: cell.base.row }, cause(flags.side, flags.hydrate), of, ask);
    const both = planFully({ path: PATH, base: cell.base.row }, cause('both', flags.hydrate), of, ask);
    if (one.kind === 'breach' || both.kind === 'breach') return 'undecided';
    // An event of local at which local shows nothing new says nothing about the remote.
    if (one.view.remote === undefined && (one.decision.kind === 'nothing' || one.decision.kind === 'download'))
      return null;
    return JSON.stringify(one.decision, spell) === JSON.stringify(both.decision, spell) ? null : 'differs';
  });
  expect(found).toEqual([]);
});

test('an edit beats a delete, and a side that can not be seen stops everything', () => {
  const found = visit((cell, flags, truth, of) => {
    const why = cause('both', flags.hydrate);
    const planned = planFully({ path: PATH, base: cell.base.row }, why, of, answer(cell, flags));
    if (planned.kind === 'breach') return planned.why;
    const { decision } = planned;
    const removes = decision.kind === 'step' && decision.step.kind === 'remove' ? decision.step.side : null;
    if (removes === null) return null;
    const file = (side: Side): boolean => cell[side].entry.kind === 'file';
    if (removes === 'local' && cell.remote.entry.kind === 'absent' && file('local') && truth.local !== truth.base)
      return 'a delete in remote takes an edit of local away';
    if (removes === 'remote' && cell.local.entry.kind === 'absent' && file('remote') && truth.remote !== truth.base)
      return 'a delete in local takes an edit of remote away';
    if (cell.base.row === null && cell.local.entry.kind !== 'stub') return 'removes without a base';
    return null;
  });
  expect(found).toEqual([]);
});

function spell(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
