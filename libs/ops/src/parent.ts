/** A supervised process does not outlive its supervisor, however that one ends. */
import type { Shutdown } from './shutdown.ts';

/** Set by a supervisor that holds an IPC channel to the process. */
export const SUPERVISED = 'LAZYSYNC_SUPERVISED';

const ACHIEVED = { kind: 'achieved' } as const;
let achieved = false;

/**
 * Tells the supervisor that this process got somewhere: it is ready, or a job is finished. Whoever fails after that is
 * not one that can not even begin. Once is enough for the life of a process.
 */
export function tellAchieved(): void {
  if (achieved || !process.connected) return;
  achieved = true;
  // RACE: a supervisor that is just being killed is told nothing any more.
  process.send?.(ACHIEVED, undefined, undefined, () => undefined);
}

/** For the supervisor. */
export function isAchieved(message: unknown): boolean {
  return typeof message === 'object' && message !== null && (message as { kind?: unknown }).kind === ACHIEVED.kind;
}

/**
 * Ends this process in an orderly way as soon as the IPC channel to its supervisor closes, which also happens when that
 * one is killed. Does nothing in a process that nobody supervises.
 */
export function exitWithParent(shutdown: Shutdown): void {
  const leave = (): void => {
    shutdown.end(0, 'the supervisor is gone').catch(() => process.exit(1));
  };
  if (process.connected) process.once('disconnect', leave);
  // CRASH: the supervisor died while this process was still loading.
  else if (process.env[SUPERVISED] === '1') leave();
}
