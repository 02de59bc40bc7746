/** Carrying out a step: capture, look, finish or undo, observe. One dispatch, so that nothing writes to a tree elsewhere. */
import type { StepOutcome } from '@lazysync/event-model';
import { make } from './make.ts';
import { setMetadata } from './metadata.ts';
import { move } from './move.ts';
import { remove } from './remove.ts';
import type { Order } from './replica.ts';
import { commitFolder } from './stage-folder.ts';
import { dehydrate, hydrate, repoint } from './swap.ts';
import type { TreeContext } from './tree-context.ts';
import { commitUpload, copyFile } from './upload.ts';

export async function transition(it: TreeContext, order: Order): Promise<StepOutcome> {
  const { step } = order;
  if (step.side !== it.side) throw new Error(`a step for ${step.side} came to ${it.side}`);
  switch (step.kind) {
    case 'make-directory':
      return step.filled === true ? commitFolder(it, order.slot, step) : make(it, step);
    case 'make-stub':
    case 'make-symlink':
      return make(it, step);
    case 'upload':
      return commitUpload(it, order);
    case 'copy':
      return copyFile(it, order);
    case 'hydrate':
      return hydrate(it, order);
    case 'dehydrate':
      return dehydrate(it, order);
    case 'repoint':
      return repoint(it, order);
    case 'remove':
      return remove(it, order);
    case 'move':
      return move(it, order);
    case 'set-metadata':
      return setMetadata(it, step);
  }
}
