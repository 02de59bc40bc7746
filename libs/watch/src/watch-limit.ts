/** The kernel's limits of inotify, and the command that raises them. */
import { readFileSync } from 'node:fs';
import { errnoOf } from '@lazysync/ops';
import type { Lost } from './hint.ts';

/** What is asked for at least. */
const ENOUGH = { max_user_watches: 524_288, max_user_instances: 512 } as const;

export function limitReached(name: keyof typeof ENOUGH, what: string): Lost {
  let now = 0;
  try {
    now = Number(readFileSync(`/proc/sys/fs/inotify/${name}`, 'utf8'));
  } catch (error) {
    if (errnoOf(error) === null) throw error;
  }
  const wanted = Math.max(ENOUGH[name], 2 * now);
  return { kind: 'watch-limit', message: `${what} (limit ${now})`, mend: `sudo sysctl fs.inotify.${name}=${wanted}` };
}
