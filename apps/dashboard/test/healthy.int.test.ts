import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultSettings, writeEffective } from '@lazysync/config';
import { announce, openRedis } from '@lazysync/queue';
import { expect, test } from 'vitest';
import { whyUnhealthy } from '../src/healthy.ts';
import { startRedis } from './support/redis.ts';
import { until } from './support/until.ts';

test('a watcher or worker is healthy when it is announced from this host for some pair', async () => {
  const state = mkdtempSync(join(tmpdir(), 'lazysync-dash-'));
  const redis = await startRedis(state);
  const link = openRedis(redis.address);
  try {
    const env = { LAZYSYNC_STATE: state };
    await expect(whyUnhealthy('worker', 'box', env)).rejects.toThrow('ENOENT');
    const pairs = ['a', 'b'].map((id) => ({
      id,
      local: '/l',
      remote: '/r',
      state: join(state, id),
      settings: defaultSettings(),
    }));
    const config = { v: 1, boot: 'x', state, redis: redis.address } as const;
    writeEffective(join(state, 'effective-sync-worker.json'), { ...config, pairs });
    expect(await whyUnhealthy('worker', 'box', env)).toBe('no pair has a worker on box');
    const presence = announce(link, 'b', 'worker', { pid: 1, host: 'box' });
    await until(
      'health',
      () => whyUnhealthy('worker', 'box', env),
      (why) => why === null,
    );
    expect(await whyUnhealthy('worker', 'other', env)).toBe('no pair has a worker on other');
    await presence.close();
    expect(await whyUnhealthy('worker', 'box', env)).toBe('no pair has a worker on box');
    writeEffective(join(state, 'effective-watcher.json'), { ...config, pairs: [] });
    expect(await whyUnhealthy('watcher', 'box', env)).toBeNull();
    await redis.stop();
    await expect(whyUnhealthy('worker', 'box', env)).rejects.toThrow('not reachable');
  } finally {
    await link.close();
    await redis.stop();
    rmSync(state, { recursive: true, force: true });
  }
});
