/** Making something small where nothing is: EEXIST is the precondition, so no look is needed before. */
import type { Entry, Step, StepOutcome } from '@lazysync/event-model';
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
    return isWhatWasMade(step, after) ? { kind: 'done', after } : { kind: 'stale', saw: after };
  });
}

/** Somebody may have put something else in its place already: that is not what both sides agree on. */
function isWhatWasMade(step: Make, after: Entry): boolean {
  // A mount that makes links may refuse to read them (EPERM): it is known by the text it was given.
  if (after.kind === 'unknown') return step.kind === 'make-symlink';
  switch (step.kind) {
    case 'make-stub':
      return after.kind === 'stub' && after.points === step.path;
    case 'make-directory':
      return after.kind === 'directory';
    case 'make-symlink':
      return after.kind === 'symlink' && after.target === step.target;
  }
}
