/** Mode and mtime follow the side that changed them; no bytes move. */
import type { Step, StepOutcome } from '@lazysync/event-model';
import { codeOf, guarded, isExpected, type TreeContext } from './tree-context.ts';

type SetMetadata = Extract<Step, { kind: 'set-metadata' }>;

export async function setMetadata(it: TreeContext, step: SetMetadata): Promise<StepOutcome> {
  return guarded(it, step.path, async () => {
    const before = await it.look(step.path);
    if (!isExpected(it.side, step.expected, before)) return { kind: 'stale', saw: before };
    // RACE: a version saved between the look and the calls gets this mode and mtime; its content is untouched.
    try {
      await it.fs.chmod(step.path, step.mode);
      if (step.mtimeNs !== null) await it.fs.setMtime(step.path, step.mtimeNs);
    } catch (error) {
      // A side that keeps no modes or times of ours: what it shows is written down, and that is agreement.
      const code = codeOf(error);
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
    }
    return { kind: 'done', after: await it.look(step.path) };
  });
}
