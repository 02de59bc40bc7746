/** A process that was started with an IPC channel ends when its parent is gone, however that died. */
import type { Shutdown } from './shutdown.ts';

export function exitWithParent(shutdown: Shutdown): void {
  if (process.channel == null) return;
  // The channel alone must not keep the process alive.
  process.channel.unref();
  process.once('disconnect', () => {
    void shutdown.end(0, 'the parent is gone');
  });
}
