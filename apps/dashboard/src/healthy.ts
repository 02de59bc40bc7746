/**
 * Asked by Docker inside a container: `healthy.ts watcher|worker|dashboard`. Exit 0 when the process of this container
 * is at work, else 1 with a sentence. A pair that can not be worked (no folder, another's marker) is the pair's state,
 * not the process's: one pair that is served is enough.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { readEffective, stateDir } from '@lazysync/config';
import { listPresence, openRedis, type Role } from '@lazysync/queue';

const DEADLINE_MS = 2000;

/** null: healthy. */
export async function whyUnhealthy(
  role: string | undefined,
  host: string,
  env: NodeJS.ProcessEnv,
): Promise<string | null> {
  switch (role ?? '') {
    case 'dashboard':
      return await askDashboard(env.LAZYSYNC_DASHBOARD_PORT ?? '7420');
    case 'watcher':
      return await findPresence(join(stateDir(undefined, env), 'effective-watcher.json'), 'watcher', host);
    case 'worker':
      return await findPresence(join(stateDir(undefined, env), 'effective-sync-worker.json'), 'worker', host);
    default:
      return 'which one? watcher, worker or dashboard';
  }
}

async function askDashboard(port: string): Promise<string | null> {
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(DEADLINE_MS) });
  return answer.ok ? null : `the dashboard says ${await answer.text()}`;
}

async function findPresence(effective: string, role: Role, host: string): Promise<string | null> {
  const { redis: address, pairs } = readEffective(effective);
  if (pairs.length === 0) return null;
  const redis = openRedis(address);
  try {
    const present = await Promise.all(pairs.map(({ id }) => listPresence(redis, id, role, DEADLINE_MS)));
    return present.flat().some((one) => one.host === host) ? null : `no pair has a ${role} on ${host}`;
  } finally {
    await redis.close();
  }
}

if (import.meta.main) {
  const why = await whyUnhealthy(process.argv[2], hostname(), process.env).catch((error: unknown) =>
    error instanceof Error ? error.message : String(error),
  );
  if (why !== null) process.stdout.write(`${why}\n`);
  process.exit(why === null ? 0 : 1);
}
