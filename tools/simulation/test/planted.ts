/** Eight bugs that systems of this kind have had, each put in through the ports: would the simulation find them? */
import { ABSENT, type BaseChange, type BaseRecord, type Entry, type RelPath } from '@lazysync/event-model';
import type { Order, Replica } from '@lazysync/replica';
import type { PairPorts } from '@lazysync/sync-worker/pair';
import type { Client, Plant } from '../src/client.ts';
import { EVERYTHING, type Limits } from '../src/history.ts';

export interface Planted {
  readonly name: string;
  /** Found only after many histories: by `npm run sim:planted`. */
  readonly slow?: true;
  /** Where to look for it: few paths and deeds find it sooner. */
  readonly limits: Limits;
  readonly plant: () => Plant;
}

const FEW: Limits = {
  ...EVERYTHING,
  clients: 1,
  paths: 3,
  length: 8,
  fates: [],
  plain: true,
  coarse: false,
  cacheMs: [0],
};

/** Every answer of one side changed on its way to the worker. */
function answers(replica: Replica, change: <T>(value: T) => T): Replica {
  return {
    ...replica,
    look: async (paths) => change(await replica.look(paths)),
    freshLook: async (paths) => change(await replica.freshLook(paths)),
    list: async (queries) => change(await replica.list(queries)),
    stage: async (order) => change(await replica.stage(order)),
    carryOut: async (orders) => change(await replica.carryOut(orders)),
    recover: async (orders) => change(await replica.recover(orders)),
  };
}

/** One order at a time, each through `act`. */
function carried(replica: Replica, act: (order: Order) => Promise<Awaited<ReturnType<Replica['carryOut']>>[number]>) {
  const carryOut: Replica['carryOut'] = async (orders) => {
    const outcomes = [];
    for (const order of orders) outcomes.push(await act(order));
    return outcomes;
  };
  return { ...replica, carryOut };
}

async function first<T>(answer: Promise<readonly T[]>): Promise<T> {
  const [one] = await answer;
  if (one === undefined) throw new Error('no answer');
  return one;
}

function skipTombstone(ports: PairPorts): PairPorts {
  const { base } = ports;
  const forget = (change: BaseChange): BaseChange =>
    change.kind === 'bury' ? { kind: 'forget', path: change.path } : change;
  return {
    ...ports,
    base: { ...base, record: (changes, ...rest) => base.record(changes.map(forget), ...rest) },
  };
}

/** What an event says was deleted is taken for deleted. */
function trustKind(ports: PairPorts, client: Client): PairPorts {
  const lie = (side: 'local' | 'remote'): Replica => {
    const replica = ports[side];
    const look: Replica['look'] = async (paths) => {
      const seen = await replica.look(paths);
      const gone = (path: RelPath | undefined): boolean =>
        client.job?.events.some((one) => one.kind === 'delete' && one.side === side && one.path === path) === true;
      return seen.map((entry, i) => (gone(paths[i]) ? ABSENT : entry));
    };
    return { ...replica, look, freshLook: look };
  };
  return { ...ports, local: lie('local'), remote: lie('remote') };
}

/** A conflict in which the older version is dropped. */
function newestWins(ports: PairPorts): PairPorts {
  const local = carried(ports.local, async (order) => {
    const { step } = order;
    if (step.kind !== 'move' || step.expected.kind !== 'file') return first(ports.local.carryOut([order]));
    const there = await first(ports.remote.look([step.from]));
    if (there.kind !== 'file' || there.stat.mtimeNs <= step.expected.stat.mtimeNs)
      return first(ports.local.carryOut([order]));
    const { expected, from } = step;
    const dropped = await first(
      ports.local.carryOut([{ ...order, step: { kind: 'remove', side: 'local', path: from, expected } }]),
    );
    return dropped;
  });
  return { ...ports, local };
}

/** Looks, then acts on whatever is there by then. */
function lookBefore(ports: PairPorts): PairPorts {
  const remote = carried(ports.remote, async (order) => {
    const { step } = order;
    if ((step.kind !== 'upload' && step.kind !== 'remove') || step.expected.kind !== 'file')
      return first(ports.remote.carryOut([order]));
    const before = await first(ports.remote.look([step.path]));
    const { stat } = step.expected;
    if (before.kind !== 'file' || before.stat.size !== stat.size || before.stat.mtimeNs !== stat.mtimeNs)
      return first(ports.remote.carryOut([order]));
    for (let i = 0; i < 6; i++) await ports.remote.look([step.path]);
    const now = await first(ports.remote.look([step.path]));
    return first(ports.remote.carryOut([now.kind === 'file' ? { ...order, step: { ...step, expected: now } } : order]));
  });
  return { ...ports, remote };
}

/** What was written down since the last acknowledged job is lost by a kill. */
function ackFirst(): Plant {
  let undo: Undo[] = [];
  let late: Undo[] = [];
  return {
    // The transaction of a job comes only when the next one is done.
    acknowledged: () => {
      late = undo;
      undo = [];
    },
    ports: (ports) => {
      const { base } = ports;
      for (const back of [...undo.reverse(), ...late.reverse()]) back(base);
      undo = [];
      late = [];
      const record: typeof base.record = (changes, cleared, ...rest) => {
        for (const change of changes) undo.push(reversal(base, change));
        base.record(changes, cleared, ...rest);
      };
      return { ...ports, base: { ...base, record } };
    },
  };
}

/** On the base as the next worker has it. */
type Undo = (base: PairPorts['base']) => void;

function reversal(base: PairPorts['base'], change: BaseChange): Undo {
  const put = (record: BaseRecord): BaseChange => ({ kind: 'put', record });
  switch (change.kind) {
    case 'put': {
      const { path } = change.record;
      const row = base.get(path);
      return (now) => now.record([row === null ? { kind: 'forget', path } : put(row)], []);
    }
    case 'bury':
    case 'forget': {
      const rows = [base.get(change.path), ...base.below(change.path)].filter((row) => row !== null);
      const gone = change.kind === 'bury' ? [{ kind: 'forget', path: change.trashed } as const] : [];
      return (now) => now.record([...gone, ...rows.map(put)], []);
    }
    case 'move':
      return (now) => now.record([{ kind: 'move', from: change.to, to: change.from }], []);
    case 'leads':
    case 'repointed':
    case 'conflict':
      return () => undefined;
  }
}

function withoutBirth<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutBirth) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, key === 'birthNs' ? 0n : withoutBirth(one)]),
  ) as T;
}

function inodeAlone(ports: PairPorts): PairPorts {
  return { ...ports, local: answers(ports.local, withoutBirth), remote: answers(ports.remote, withoutBirth) };
}

/** After an act the path is looked at, and what it shows is written down as agreed. */
function recordWhatIsShown(ports: PairPorts): PairPorts {
  const remote = carried(ports.remote, async (order) => {
    const outcome = await first(ports.remote.carryOut([order]));
    if (order.step.kind !== 'upload' || outcome.kind !== 'done') return outcome;
    const [here, there]: Entry[] = [
      await first(ports.local.look([order.step.path])),
      await first(ports.remote.look([order.step.path])),
    ];
    if (here?.kind !== 'file' || there?.kind !== 'file') return outcome;
    return { ...outcome, after: there, source: here.stat };
  });
  return { ...ports, remote };
}

export const PLANTED: readonly Planted[] = [
  {
    name: 'skip the tombstone',
    limits: { ...FEW, deeds: ['overwrite', 'move', 'backup-save'] },
    plant: () => ({ ports: skipTombstone }),
  },
  {
    name: "trust the event's kind",
    limits: { ...FEW, plain: false, deeds: ['overwrite', 'append', 'remove'] },
    plant: () => ({ ports: trustKind }),
  },
  {
    name: 'newest mtime wins',
    limits: { ...FEW, deeds: ['overwrite', 'append', 'save'] },
    plant: () => ({ ports: newestWins }),
  },
  {
    name: 'look before instead of capture',
    limits: { ...FEW, paths: 2, wheres: ['local', 'host'], deeds: ['overwrite', 'save', 'remove'] },
    plant: () => ({ ports: lookBefore }),
  },
  {
    name: 'ack before record',
    slow: true,
    limits: { ...FEW, fates: ['crash'], deeds: ['overwrite', 'move', 'remove'] },
    plant: ackFirst,
  },
  {
    name: 'pair by inode alone',
    slow: true,
    limits: { ...FEW, paths: 4, wheres: ['local', 'host'], deeds: ['overwrite', 'save', 'move', 'mkdir'] },
    plant: () => ({ ports: inodeAlone }),
  },
  {
    name: 'record what the path shows',
    limits: { ...FEW, deeds: ['overwrite', 'append', 'save'] },
    plant: () => ({ ports: recordWhatIsShown }),
  },
  {
    name: 'filter echoes in the watcher',
    limits: { ...FEW, wheres: ['local'], deeds: ['overwrite', 'append', 'save'] },
    plant: () => ({
      deaf: (side, path, client) => side === 'local' && client.ownUntil(path),
    }),
  },
];
