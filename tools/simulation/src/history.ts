/** A history: what happens, as data that can be made by chance, shrunk, written down and run again. */
import fc from 'fast-check';

/** A few paths, so that things meet. Any of them may be a file, a folder or a link at any time. */
export const PATHS = ['a', 'b', 'd', 'e', 'd/a', 'd/b', 'd/e', 'd/e/a', 'e/a', 'c.ign', 'd/c.ign'] as const;

/** On which tree, and through what. `host`: another host, straight on the remote's disk. `mount`: this host, at the mount. */
export type Where = 'local' | 'mount' | 'host';

export const DEEDS = [
  'overwrite',
  'same-size',
  'append',
  'save',
  'backup-save',
  'remove',
  'mkdir',
  'fill',
  'move',
  'copy',
  'swap',
  'chmod',
  'touch',
  'symlink',
  'relink',
  'read',
  'twin',
] as const;
export type Deed = (typeof DEEDS)[number];

/** Waits until everything is at rest before it happens. */
export const REST = -1;

export interface UserAction {
  readonly kind: 'user';
  readonly deed: Deed;
  readonly where: Where;
  /** Which client's LOCAL or mount. */
  readonly client: number;
  readonly path: number;
  readonly to: number;
  /** At that very path, not at whatever there is. */
  readonly exact?: boolean;
  /** Calls of the program since the action before, or REST. */
  readonly gap: number;
}

export type FateKind =
  | 'crash'
  | 'crash-lane'
  | 'crash-step'
  | 'outage'
  | 'remount'
  | 'scan-local'
  | 'scan-remote'
  | 'rescan'
  | 'fault-local'
  | 'fault-remote'
  | 'unmount'
  | 'empty-local'
  | 'empty-remote'
  | 'get'
  | 'free'
  | 'put-back'
  | 'replay'
  | 'wait';

export interface FateAction {
  readonly kind: 'fate';
  readonly fate: FateKind;
  readonly client: number;
  readonly path: number;
  readonly n: number;
  readonly gap: number;
}

export type Action = UserAction | FateAction;

export interface History {
  readonly seed: number;
  readonly clients: 1 | 2;
  /** ms for which the mount shows old attributes. */
  readonly cacheMs: number;
  /** The mount cuts times to whole seconds. */
  readonly coarse: boolean;
  /** The mount knows inodes, birth times and rename flags (a disk), or not (sshfs). */
  readonly exact: boolean;
  readonly hardLinks: boolean;
  /** The pair is set to `replace: capture`. */
  readonly capture?: boolean;
  /** Somebody beside the remote's disk unpacks what comes as one file. */
  readonly served?: boolean;
  /** New folders go up as a whole. */
  readonly whole?: boolean;
  /** Events go astray. */
  readonly astray: boolean;
  /** Unrelated paths that may be at work together; left out: one by one. */
  readonly width?: number;
  /** Before the first start: a merge. */
  readonly before: readonly UserAction[];
  readonly actions: readonly Action[];
}

export interface Limits {
  readonly clients: 1 | 2;
  readonly fates: readonly FateKind[];
  readonly deeds: readonly Deed[];
  readonly wheres: readonly Where[];
  readonly paths: number;
  readonly length: number;
  readonly cacheMs: readonly number[];
  readonly coarse: boolean;
  readonly plain: boolean;
  /** Deeds that belong together, too. */
  readonly motifs?: boolean;
}

export const EVERYTHING: Limits = {
  clients: 2,
  // Those that seldom come to something are there more than once.
  fates: [
    'crash',
    'crash-lane',
    'crash-step',
    'outage',
    'remount',
    'scan-local',
    'scan-remote',
    'rescan',
    'fault-local',
    'fault-local',
    'fault-local',
    'fault-local',
    'fault-remote',
    'fault-remote',
    'fault-remote',
    'fault-remote',
    'unmount',
    'empty-local',
    'empty-local',
    'empty-local',
    'empty-remote',
    'empty-remote',
    'empty-remote',
    'get',
    'free',
    'put-back',
    'replay',
    'wait',
  ],
  // The same.
  deeds: [...DEEDS, 'move', 'chmod'],
  wheres: ['local', 'mount', 'host'],
  paths: PATHS.length,
  length: 14,
  cacheMs: [0, 0, 1_000, 20_000],
  coarse: true,
  plain: false,
  motifs: true,
};

const WRITING: readonly Deed[] = ['overwrite', 'save', 'mkdir'];
/** What identities and tombstones are for. */
const MOVING: readonly Deed[] = ['move', 'copy', 'swap', 'remove'];

const gap = fc.oneof(
  { withCrossShrink: true },
  { weight: 4, arbitrary: fc.constant(REST) },
  { weight: 3, arbitrary: fc.nat(6) },
  { weight: 4, arbitrary: fc.nat(60) },
  { weight: 2, arbitrary: fc.nat(300) },
);

/**
 * Deeds that only come to something after one another: chance alone would have them follow each other too seldom.
 * `p` and `q` stand for two paths, `hidden` for one that is never synced.
 */
const MOTIFS: readonly (readonly (readonly [Deed, Where, 'p' | 'q' | 'hidden', ('p' | 'q' | 'hidden')?])[])[] = [
  [
    ['overwrite', 'host', 'p'],
    ['read', 'local', 'p'],
    ['chmod', 'local', 'p'],
  ],
  [
    ['overwrite', 'host', 'p'],
    ['read', 'local', 'p'],
    ['touch', 'local', 'p'],
    ['overwrite', 'host', 'p'],
  ],
  [
    ['overwrite', 'host', 'p'],
    ['copy', 'local', 'p', 'q'],
    ['save', 'local', 'q'],
  ],
  [
    ['overwrite', 'host', 'p'],
    ['copy', 'local', 'p', 'q'],
  ],
  [['fill', 'local', 'p']],
  [
    ['fill', 'local', 'p'],
    ['move', 'local', 'p', 'q'],
  ],
  // The copy goes along, where the remote knows what it was.
  [
    ['overwrite', 'mount', 'p'],
    ['read', 'local', 'p'],
    ['move', 'mount', 'p', 'q'],
  ],
  [
    ['overwrite', 'mount', 'p'],
    ['copy', 'local', 'p', 'q'],
  ],
  [
    ['overwrite', 'mount', 'p'],
    ['read', 'local', 'p'],
    ['move', 'mount', 'p', 'q'],
  ],
  [
    ['overwrite', 'mount', 'p'],
    ['read', 'local', 'p'],
    ['move', 'mount', 'p', 'q'],
  ],
  [
    ['overwrite', 'mount', 'p'],
    ['read', 'local', 'p'],
    ['chmod', 'local', 'p'],
  ],
  [
    ['overwrite', 'mount', 'p'],
    ['read', 'local', 'p'],
    ['chmod', 'local', 'p'],
  ],
  [
    ['overwrite', 'mount', 'p'],
    ['read', 'local', 'p'],
    ['move', 'mount', 'p', 'q'],
  ],
  // Out of sight and back: by then its file lies in the trash.
  [
    ['overwrite', 'host', 'p'],
    ['move', 'local', 'p', 'hidden'],
    ['move', 'local', 'hidden', 'q'],
  ],
  [
    ['overwrite', 'host', 'p'],
    ['save', 'local', 'p'],
    ['save', 'host', 'p'],
  ],
];
const HIDDEN = PATHS.indexOf('c.ign');

function motif(limits: Limits, gap: fc.Arbitrary<number>): fc.Arbitrary<readonly UserAction[]> {
  const path = fc.nat(limits.paths - 1);
  return fc
    .record({
      acts: fc.constantFrom(...MOTIFS),
      p: path,
      q: path,
      client: fc.nat(limits.clients - 1),
      // Most of them need what came before to be over.
      gaps: fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(REST) }, { weight: 1, arbitrary: gap }), {
        minLength: 4,
        maxLength: 4,
      }),
    })
    .map(({ acts, p, q, client, gaps }) => {
      const at = { p, q, hidden: HIDDEN };
      return acts.map(([deed, where, from, to], i) => ({
        kind: 'user',
        deed,
        where,
        client,
        path: at[from],
        to: at[to ?? 'q'],
        exact: true,
        gap: gaps[i] ?? REST,
      }));
    });
}

export function histories(limits: Limits): fc.Arbitrary<History> {
  const path = fc.nat(limits.paths - 1);
  const client = fc.nat(limits.clients - 1);
  // Much of what happens makes or changes content: else there is little to lose.
  const writing = limits.deeds.filter((one) => WRITING.includes(one));
  const moving = limits.deeds.filter((one) => MOVING.includes(one));
  const any = fc.constantFrom(...limits.deeds);
  const some = [writing, moving].filter((one) => one.length > 0).map((one) => fc.constantFrom(...one));
  const user: fc.Arbitrary<UserAction> = fc.record({
    kind: fc.constant('user' as const),
    deed: fc.oneof(...some, any),
    where: fc.constantFrom(...limits.wheres),
    client,
    path,
    to: path,
    gap,
  });
  const fate: fc.Arbitrary<FateAction> = fc.record({
    kind: fc.constant('fate' as const),
    fate: limits.fates.length === 0 ? fc.constant('wait' as const) : fc.constantFrom(...limits.fates),
    client,
    path,
    // Most kills come while something is at work.
    n: fc.oneof(fc.nat(12), fc.nat(80)),
    gap,
  });
  const single: fc.Arbitrary<Action> =
    limits.fates.length === 0 ? user : fc.oneof({ weight: 5, arbitrary: user }, { weight: 2, arbitrary: fate });
  const one = single.map((action): readonly Action[] => [action]);
  const few =
    limits.motifs === true
      ? fc.oneof({ weight: 5, arbitrary: one }, { weight: 1, arbitrary: motif(limits, gap) })
      : one;
  return fc.record({
    seed: fc.nat(0x7fff_ffff),
    clients: limits.clients === 1 ? fc.constant(1 as const) : fc.constantFrom(1 as const, 2 as const),
    cacheMs: fc.constantFrom(...limits.cacheMs),
    coarse: limits.coarse ? fc.boolean() : fc.constant(false),
    exact: limits.plain ? fc.constant(true) : fc.boolean(),
    hardLinks: limits.plain
      ? fc.constant(true)
      : fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    capture: limits.plain
      ? fc.constant(false)
      : fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    served: limits.plain
      ? fc.constant(false)
      : fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    whole: limits.plain ? fc.constant(false) : fc.boolean(),
    astray: limits.plain ? fc.constant(false) : fc.boolean(),
    width: fc.oneof({ weight: 3, arbitrary: fc.constant(16) }, { weight: 1, arbitrary: fc.constant(1) }),
    before: fc.array(user, { maxLength: 6 }),
    actions: fc.array(few, { minLength: 1, maxLength: limits.length }).map((all) => all.flat()),
  });
}

/** One line per action, for people. */
export function tell(action: Action): string {
  const when = action.gap === REST ? 'at rest' : `after ${action.gap}`;
  const path = PATHS[action.path];
  if (action.kind === 'fate') return `${when}: ${action.fate} ${action.client} ${path} n=${action.n}`;
  return `${when}: ${action.where}${action.client} ${action.deed} ${path} (${PATHS[action.to]})`;
}
