/** One run of the tests of the decisions with the file MUTANT in the place of MUTANT_OF. Used by src/main.ts only. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = resolve(import.meta.dirname, '../..');
const { MUTANT: mutant = '', MUTANT_OF: of = '' } = process.env;

/** The cubes take longest: what a small test notices needs none of them. */
class QuickFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const weight = ({ moduleId }: TestSpecification): number => (moduleId.includes('cube') ? 1 : 0);
    return Promise.resolve(files.toSorted((a, b) => weight(a) - weight(b)));
  }
}

export default defineConfig({
  root,
  plugins: [
    {
      name: 'one-mutant',
      enforce: 'pre',
      load(id) {
        return of !== '' && id.split('?')[0] === of ? readFileSync(mutant, 'utf8') : null;
      },
    },
  ],
  test: {
    include: ['libs/action-table/test/**/*.test.ts'],
    isolate: false,
    fileParallelism: false,
    bail: 1,
    silent: true,
    // Shorter than a mutant is given: a busy machine is no failure.
    testTimeout: 55_000,
    // It knows a module by the file on disk: one mutant would be kept for all that follow, and for everybody's tests.
    fsModuleCache: false,
    reporters: ['dot'],
    sequence: { sequencer: QuickFirst },
  },
});
