import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const slow = ['**/*.int.test.ts', '**/*.compose.test.ts'];
const skipped = ['**/node_modules/**'];

// Compose tests need an engine: they take part only where somebody started one and says so.
const compose = {
  test: {
    name: 'compose',
    include: ['{libs,apps,tools}/**/test/**/*.compose.test.ts', 'tests/**/*.compose.test.ts'],
    exclude: skipped,
    pool: 'forks' as const,
    maxWorkers: 3, // each file has a project, an image and a port of its own
    testTimeout: 600_000,
    hookTimeout: 600_000,
    sequence: { groupOrder: 2 },
  },
};

/** Those that take longest begin first, so that none of them runs alone at the end. */
const LONG =
  /(mounted|packs|real-work|outage\/outage|guards|main-job|\/up)\.int\.test\.ts$|\/(histories|planted)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [
      ...sorted.filter(({ moduleId }) => LONG.test(moduleId)),
      ...sorted.filter(({ moduleId }) => !LONG.test(moduleId)),
    ];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    reporters: ['default', './tools/closing-line/src/index.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{libs,apps,tools}/**/test/**/*.test.ts', 'bench/test/**/*.test.ts'],
          exclude: [...skipped, ...slow],
          isolate: false,
          maxWorkers: 2, // by itself vitest leaves one processor to whoever looks on
          // A busy machine is slow: no test is to fail by that.
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'int',
          include: ['{libs,apps,tools}/**/test/**/*.int.test.ts', '{bench,tests}/**/*.int.test.ts'],
          exclude: skipped,
          pool: 'forks',
          maxWorkers: 3, // much of it waits: for a mount, a timer, a browser
          testTimeout: 180_000, // only a hang is to end here: the machine may be busy
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
      ...(process.env.LAZYSYNC_COMPOSE === '1' ? [compose] : []),
    ],
  },
});
