/**
 * Says that this process is at work in a file that is touched again and again while it is true. Whoever asks looks at
 * the file's time: cheaper than a process that is started for each question.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { errnoOf } from './errno.ts';

/** ms. */
const EVERY = 2_000;

/** `healthy` rejects or answers false: the file goes. The answer ends it. */
export function keepHealthFile(file: string, healthy: () => Promise<boolean> | boolean): () => void {
  let ended = false;
  const remove = (): void => rmSync(file, { force: true });
  const look = async (): Promise<void> => {
    const isHealthy = await Promise.resolve()
      .then(healthy)
      .catch(() => false);
    if (ended) return;
    try {
      if (isHealthy) writeFileSync(file, '');
      else remove();
    } catch (error) {
      if (errnoOf(error) === null) throw error; // it can not be written: then it is not healthy
    }
  };
  const timer = setInterval(() => void look(), EVERY);
  timer.unref();
  void look();
  return () => {
    ended = true;
    clearInterval(timer);
    remove();
  };
}

/** Set for processes that somebody asks that way. */
export const HEALTH_FILE = 'LAZYSYNC_HEALTH_FILE';
