/** The table of scenarios on two plain folders, with the real program. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { CONFLICTS } from './scenes/conflicts.ts';
import { MOVES } from './scenes/moves.ts';
import { PEERS } from './scenes/peers.ts';
import { SAVING } from './scenes/saves.ts';
import { SHAPES } from './scenes/shapes.ts';
import { Stage } from './support/play.ts';
import type { Scene } from './support/scene.ts';

const TABLES: Readonly<Record<string, readonly Scene[]>> = {
  moves: MOVES,
  conflicts: CONFLICTS,
  saves: SAVING,
  shapes: SHAPES,
  peers: PEERS,
};

describe.each(Object.entries(TABLES))('%s', (name, scenes) => {
  let lab: Lab;
  let stage: Stage;
  beforeAll(async () => {
    lab = new Lab(`scenes-${name}`);
    stage = new Stage(lab, lab.remote, scenes);
    await stage.play();
  }, 900_000);
  afterAll(() => lab.close());

  for (const { name: one, skip } of scenes) {
    test(one, (context) => {
      const reason = skip?.() ?? null;
      if (reason !== null) return context.skip(reason);
      stage.judge(one);
    });
  }

  test('nothing of ours is left over', () => {
    expect(stage.leftOvers).toEqual([]);
    expect(stage.status).toMatchObject({ state: 'idle', queued: 0, transfers: 0, held: 0 });
  });
});
