/** Making something small where nothing is: EEXIST is the precondition, so no look is needed before. */
import type { Step, StepOutcome } from '@lazysync/event-model';
import { makeStubAt } from './swap.ts';
import { guarded, type TreeContext } from './tree-context.ts';

type Make = Extract<Step, { kind: 'make-stub' | 'make-directory' | 'make-symlink' }>;

export async function make(it: TreeContext, step: Make): Promise<StepOutcome> {
  return guarded(it, step.path, async () => {
    switch (step.kind) {
      case 'make-stub':
        await makeStubAt(it, step.path, step.path);
        break;
      case 'make-symlink':
        await it.fs.symlink(step.target, step.path);
        break;
      case 'make-directory':
        await it.fs.mkdir(step.path, step.mode);
        break;
    }
    let after = await it.look(step.path);
    if (step.kind === 'make-directory' && after.kind === 'directory' && after.mode !== step.mode) {
      // The umask took bits away.
      await it.fs.chmod(step.path, step.mode);
      after = await it.look(step.path);
    }
    return { kind: 'done', after };
  });
}
