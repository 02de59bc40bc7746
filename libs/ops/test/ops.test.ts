import { describe, expect, it } from 'vitest';
import { createShutdown, DeadlinePassed, mountAmong, parseMountinfo, systemClock, withDeadline } from '../src/index.ts';
import { createLogger, hideSecrets } from '../src/logger.ts';
import { createMetrics } from '../src/metrics.ts';

function memoryLogger() {
  const lines: string[] = [];
  const logger = createLogger({
    name: 't',
    level: 'debug',
    destination: { write: (line: string) => void lines.push(line) },
  });
  return { logger, lines };
}

describe('logger', () => {
  it('writes JSON lines without secrets', () => {
    const { logger, lines } = memoryLogger();
    logger.info({ url: 'redis://me:hunter2@host:1', password: 'hunter2', n: 1 }, 'connect redis://:hunter2@h');
    logger.error({ err: new Error('refused rediss://u:hunter2@h/0') }, 'failed');
    logger.trace('not at this level');
    expect(lines).toHaveLength(2);
    expect(lines.join('')).not.toContain('hunter2');
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      level: 'info',
      name: 't',
      n: 1,
      msg: 'connect redis://:***@h',
    });
  });
  it('hides tokens of links', () => {
    expect(hideSecrets('http://127.0.0.1:1/?token=abc&x=1')).toBe('http://127.0.0.1:1/?token=***&x=1');
    expect(hideSecrets('redis://host:6379/0')).toBe('redis://host:6379/0');
  });
});

describe('shutdown', () => {
  it('releases in reverse order, once, and says when something failed', async () => {
    const { logger, lines } = memoryLogger();
    const seen: string[] = [];
    const shutdown = createShutdown({
      logger,
      deadlineMs: 1000,
      signals: [],
      exit: (code) => seen.push(`exit ${code}`),
    });
    shutdown.own('a', () => void seen.push('a'));
    shutdown.own('b', () => Promise.reject(new Error('no')));
    const forget = shutdown.own('c', () => void seen.push('c'));
    shutdown.own('d', () => void seen.push('d'));
    forget();
    await Promise.all([shutdown.end(0, 'test'), shutdown.end(3, 'again')]);
    expect(seen).toEqual(['d', 'a', 'exit 1']);
    expect(shutdown.signal.aborted).toBe(true);
    expect(lines.some((line) => line.includes('could not be released'))).toBe(true);
  });
  it('exits at its deadline although something hangs', async () => {
    const seen: number[] = [];
    const shutdown = createShutdown({
      logger: memoryLogger().logger,
      deadlineMs: 20,
      signals: [],
      exit: (code) => seen.push(code),
    });
    shutdown.own('stuck', () => new Promise<void>(() => undefined));
    await shutdown.end(0, 'test');
    expect(seen).toEqual([1]);
  });
});

describe('time', () => {
  it('a deadline passes, an answer in time is given', async () => {
    await expect(withDeadline(new Promise(() => undefined), 5, 'look')).rejects.toThrow(DeadlinePassed);
    await expect(withDeadline(Promise.resolve(7), 1000, 'look')).resolves.toBe(7);
    await expect(withDeadline(Promise.reject(new Error('own')), 1000, 'look')).rejects.toThrow('own');
  });
  it('a sleep ends early when it is aborted', async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort();
    await sleeping;
    await systemClock.sleep(60_000, controller.signal);
    await systemClock.sleep(1);
  });
});

it('metrics are text with a prefix', async () => {
  const metrics = createMetrics({ prefix: 'lazysync_' });
  metrics.counter('events_total', 'Events', ['side']).inc({ side: 'local' }, 2);
  metrics.gauge('queued', 'Queued').set(3);
  metrics.histogram('lag_seconds', 'Lag', [1, 5]).observe(2);
  const text = await metrics.text();
  expect(text).toContain('lazysync_events_total{side="local"} 2');
  expect(text).toContain('lazysync_queued 3');
  expect(text).toContain('lazysync_lag_seconds_bucket{le="5"} 1');
});

it('mountinfo: the longest mount point wins, a later one of the same length too', () => {
  const mounts = parseMountinfo(
    [
      '20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw',
      '21 20 0:5 / /mnt/my\\040nas rw,nosuid - fuse.sshfs me@nas:/a rw,user_id=0',
      '22 21 0:6 / /mnt/my\\040nas ro - tmpfs none ro',
      'garbage',
    ].join('\n'),
  );
  expect(mountAmong(mounts, '/mnt/my nas/x')?.fsType).toBe('tmpfs');
  expect(mountAmong(mounts, '/mnt/my nas2')?.fsType).toBe('ext4');
  expect(mounts[1]).toMatchObject({ source: 'me@nas:/a', options: ['rw', 'nosuid', 'rw', 'user_id=0'] });
});
