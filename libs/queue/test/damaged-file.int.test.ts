/**
 * The file of our own Redis, damaged in every way: cut anywhere, bytes flipped anywhere. Redis starts, or what it could not
 * read lies aside and it starts empty; then the lane goes on: what can still be read is worked, what can not is set aside,
 * and new events pass. LAZYSYNC_OUTAGE=all: 100 of each.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPublisher, type EmbeddedRedis, laneCounts, laneKey, startEmbeddedRedis } from '@lazysync/queue';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { change, link, recordingWorker, socketOf, tempFolder, until } from './helpers.ts';

const MANY = process.env.LAZYSYNC_OUTAGE === 'all' ? 100 : 6;
const PAIR = 'damaged';
const SEED = Number(process.env.LAZYSYNC_SEED ?? 20_261_126);

let folder: string;
let sound: string;
let redis: EmbeddedRedis | null;

/** xorshift32 */
function randomOf(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4_294_967_296;
  };
}

/** A folder of Redis in whose file a lane lies as it is in the middle of work: jobs done, one at work, many waiting. */
async function fill(dir: string): Promise<void> {
  const made = await startEmbeddedRedis({ dir, log: () => undefined });
  if (made.kind === 'failed') throw new Error(made.message);
  const to = link(made.redis);
  const publisher = createPublisher({ pair: PAIR, producer: 'watcher', redis: to, epoch: 'before' });
  for (let i = 0; i < 30; i++) await publisher.publish([change(`before-${i}`), change(`before-${i}-too`)]);
  let taken = 0;
  const { worker } = recordingWorker(to, PAIR, {
    handle: async ({ events }) => {
      if (++taken > 10) return { kind: 'wait', ms: 50, why: 'not now' };
      return { kind: 'done', outcomes: events.map(({ path }) => ({ path, outcome: 'done' })) };
    },
  });
  await until('some are done', () => taken > 11);
  // The worker dies: its job stays active.
  process.kill(made.redis.pid(), 'SIGKILL');
  await made.redis.stop();
  await worker.close(0);
  await publisher.close();
  await to.close();
}

beforeEach(async () => {
  folder = await tempFolder();
  sound = join(folder, 'sound');
  redis = null;
  await fill(sound);
});
afterEach(async () => {
  await redis?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What was said, once the lane has gone on with what is left of the file. */
async function goesOn(dir: string): Promise<string> {
  const said: string[] = [];
  const made = await startEmbeddedRedis({ dir, log: (line) => said.push(line) });
  if (made.kind === 'failed') throw new Error(`${made.message}\n${made.output.join('\n')}`);
  redis = made.redis;
  const to = link(redis);
  const one = recordingWorker(to, PAIR);
  const publisher = createPublisher({ pair: PAIR, producer: 'watcher', redis: to, epoch: 'after' });
  try {
    await publisher.publish([change('after')]);
    await until('what is new was worked', () => one.seen.includes('after'), 20_000);
    await until(
      'the lane is empty',
      async () => {
        const { waiting, active, failed, delayed } = await laneCounts(to, PAIR);
        return waiting + active + failed + delayed === 0;
      },
      20_000,
    );
    const raw = new Redis(socketOf(redis));
    const concurrency = await raw.hget(laneKey(PAIR, 'meta'), 'concurrency');
    raw.disconnect();
    expect(concurrency).toBe('1');
  } catch (error) {
    throw new Error(`${String(error)}; said: ${said.join(' | ')}; errors: ${one.errors.map(String).join(' | ')}`);
  } finally {
    await one.worker.close(0);
    await publisher.close();
    await to.close();
    await redis.stop();
    redis = null;
  }
  // Whatever was said to lie aside lies there.
  for (const line of said) {
    const aside = /lies in (\S+) now/.exec(line)?.[1];
    if (aside !== undefined) expect(await readdir(aside)).not.toEqual([]);
  }
  return said.join(' ');
}

/** Mostly the one that is written to; now and then its list or the one it began with. */
async function someFile(dir: string, random: () => number): Promise<string> {
  const all = await readdir(join(dir, 'appendonlydir'));
  const end = random() < 0.8 ? '.incr.aof' : random() < 0.5 ? '.manifest' : '.base.rdb';
  return join(dir, 'appendonlydir', all.find((name) => name.endsWith(end)) ?? '');
}

describe.each([
  {
    name: 'cut off',
    harm: (bytes: Buffer, random: () => number): Buffer => bytes.subarray(0, Math.floor(bytes.length * random())),
  },
  {
    name: 'with flipped bits',
    harm: (bytes: Buffer, random: () => number): Buffer => {
      const copy = Buffer.from(bytes);
      const at = Math.floor(copy.length * random());
      copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(8 * random()));
      return copy;
    },
  },
  {
    name: 'with a block of zeros, as after a power cut',
    harm: (bytes: Buffer, random: () => number): Buffer => {
      const copy = Buffer.from(bytes);
      const at = Math.floor(copy.length * random());
      return copy.fill(0, at, Math.min(at + 4096, copy.length));
    },
  },
])('$name', ({ harm }) => {
  test(`at ${MANY} places`, { timeout: MANY * 60_000 }, async () => {
    const random = randomOf(SEED);
    let said = 0;
    const wrong: string[] = [];
    for (let i = 0; i < MANY; i++) {
      const dir = join(folder, `run-${i}`);
      await mkdir(dir);
      await cp(join(sound, 'appendonlydir'), join(dir, 'appendonlydir'), { recursive: true });
      const file = await someFile(dir, random);
      await writeFile(file, harm(await readFile(file), random));
      try {
        if ((await goesOn(dir)) !== '') said++;
      } catch (error) {
        wrong.push(`${i}: ${error instanceof Error ? error.message : String(error)}`);
      }
      await rm(dir, { recursive: true, force: true });
    }
    process.stdout.write(`${MANY} damaged files: ${said} set aside, ${MANY - said} read\n`);
    expect(wrong).toEqual([]);
  });
});
