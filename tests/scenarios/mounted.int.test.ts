/**
 * The scenarios on a real network mount with latency, where every change of another host is made behind it. In the
 * normal run a part of them; LAZYSYNC_SCENARIOS=all plays all that make sense there.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { noMounts, SlowRemote } from '../outage/support/slow-remote.ts';
import { CONFLICTS } from './scenes/conflicts.ts';
import { MOVES } from './scenes/moves.ts';
import { PEERS } from './scenes/peers.ts';
import { SAVING } from './scenes/saves.ts';
import { CLOSED_LINKS, SHAPES } from './scenes/shapes.ts';
import { Stage } from './support/play.ts';
import type { Scene } from './support/scene.ts';

const ALL = process.env.LAZYSYNC_SCENARIOS === 'all';
const LIMIT = 900_000;

const possible = [...MOVES, ...CONFLICTS, ...PEERS, ...SHAPES, ...SAVING].filter(({ mount }) => mount === 'all');
const hasLinks = ({ remote, ends }: Scene): boolean =>
  [...Object.values(remote ?? {}), ...Object.values(ends ?? {})].some(
    (what) => typeof what === 'object' && what !== null,
  );

/** Every nth, so that each table has its part. */
const some = (n: number, from: readonly Scene[]): readonly Scene[] => (ALL ? from : from.filter((_, i) => i % n === 0));

const RUNS = [
  {
    name: 'sshfs, 40 ms, links readable',
    options: ['--rtt', '40ms', '--opts', 'dcache_timeout=1,no_contain_symlinks'],
    scenes: some(10, possible),
  },
  {
    name: 'sshfs, 40 ms, as it is today: absolute links can not be read',
    options: ['--rtt', '40ms', '--opts', 'dcache_timeout=1'],
    scenes: [
      CLOSED_LINKS,
      ...some(
        16,
        possible.filter((scene) => scene !== CLOSED_LINKS && !hasLinks(scene)),
      ),
    ],
  },
] as const;

describe.skipIf(noMounts !== null).each(RUNS)(
  `$name${noMounts === null ? '' : ` (skipped: ${noMounts})`}`,
  ({ options, scenes }) => {
    let mount: SlowRemote;
    let lab: Lab;
    let stage: Stage;
    beforeAll(async () => {
      mount = new SlowRemote(...options);
      lab = new Lab('mounted', mount.remote);
      stage = new Stage(lab, mount.backing, scenes);
      await stage.play();
    }, LIMIT);
    afterAll(async () => {
      await lab.close();
      mount.down();
    });

    for (const { name, skip } of scenes) {
      test(name, (context) => {
        const reason = skip?.() ?? null;
        if (reason !== null) return context.skip(reason);
        stage.judge(name);
      });
    }

    test('nothing of ours is left over', () => {
      expect(stage.leftOvers).toEqual([]);
      expect(stage.status).toMatchObject({ state: 'idle', queued: 0, transfers: 0, held: 0 });
    });
  },
);
