/** Whoever unpacks beside the remote's disk dies while it is at work: over a real Redis. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  type Announcement,
  announce,
  type EmbeddedRedis,
  type Listening,
  onAskedForPacks,
  openRedis,
  type RedisLink,
  startEmbeddedRedis,
} from '@lazysync/queue';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPackLink } from '../src/pack-link.ts';

/** Far more than the test may take. */
const DEADLINE_MS = 3_600_000;
const DONE = { kind: 'unpacked', folders: [], files: [] } as const;

let top: string;
let redis: EmbeddedRedis;
let worker: RedisLink;
let server: RedisLink;

beforeAll(async () => {
  top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-pack-link-')));
  const started = await startEmbeddedRedis({ dir: path.join(top, 'redis'), log: () => undefined });
  if (started.kind === 'failed') throw new Error(started.message);
  redis = started.redis;
  worker = openRedis(redis.address);
  server = openRedis(redis.address);
});

afterAll(async () => {
  await worker.close();
  await server.close();
  await redis.stop();
  fs.rmSync(top, { recursive: true, force: true });
});

test('an answer is waited for as long as somebody is there to give it', async () => {
  const link = createPackLink({
    redis: worker,
    pair: 'p',
    elapsed: () => performance.now(),
    refused: () => undefined,
    deadlineMs: DEADLINE_MS,
  });
  const presence: Announcement = announce(server, 'p', 'server-watcher', { pid: 1, host: 'there', packs: true });
  let dies = false;
  const late = Promise.withResolvers<typeof DONE>();
  const pack = async () => ({ kind: 'refused', why: 'not asked for' }) as const;
  const unpack = async () => {
    if (!dies) return DONE;
    await presence.close();
    return late.promise;
  };
  const listening: Listening = onAskedForPacks(server, 'p', { pack, unpack }, () => undefined);
  await expect.poll(() => link.served(), { timeout: 20_000 }).toBe(true);
  expect(await link.unpack('one')).toEqual(DONE);
  dies = true;
  expect(await link.unpack('two')).toBeNull();
  // Not asked again at once, whoever is there.
  expect(await link.served()).toBe(false);
  late.resolve(DONE);
  await listening.close();
});
