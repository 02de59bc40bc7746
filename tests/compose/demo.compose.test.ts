/** `docker compose up` with nothing configured: the demo pair at work. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProject, type Project, whyNot } from './project.ts';
import { until } from './until.ts';

const reason = await whyNot();
if (reason !== null) process.stderr.write(`compose tests are skipped: ${reason}\n`);

interface Pair {
  readonly id: string;
  readonly state: string;
  readonly queued: number;
  readonly stubs: number;
  readonly copies: number;
  readonly problems: number;
}
interface BoardJob {
  readonly name: string;
  readonly data: { readonly events?: readonly string[] };
}

describe.skipIf(reason !== null)(`the demo of docker compose${reason === null ? '' : ` (${reason})`}`, () => {
  let project: Project;

  beforeAll(async () => {
    project = await createProject();
    try {
      await project.compose(['up', '-d', '--build', '--wait', '--wait-timeout', '240'], 540_000);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await project.compose(['logs', '--tail', '40'])}`, {
        cause: error,
      });
    }
  });
  afterAll(async () => {
    await project?.remove();
  });

  const get = async <T>(path: string): Promise<T> => {
    const answer = await project.fetch(path);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return (await answer.json()) as T;
  };
  const pair = async (): Promise<Pair | undefined> => (await get<{ pairs: Pair[] }>('/api/v1/pairs')).pairs[0];
  const atRest = (): Promise<Pair | undefined> =>
    until('rest', pair, (one) => one?.state === 'idle' && one.queued === 0);
  const jobs = async (): Promise<readonly BoardJob[]> => {
    const answer = await get<{ queues: { name: string; jobs: BoardJob[] }[] }>(
      '/queues/api/queues?activeQueue=demo&status=completed&page=1&jobsPerPage=100',
    );
    return answer.queues.find((queue) => queue.name === 'demo')?.jobs ?? [];
  };
  const outcomeOf = (all: readonly BoardJob[], event: string): string | undefined =>
    all.flatMap((job) => job.data.events ?? []).find((one) => one.startsWith(event) && one.includes(' → '));

  test('everything is healthy, and every file of the remote is a stub', async () => {
    const states = await project.states();
    const [once, ...more] = states.filter(({ Service }) => Service === 'volumes');
    expect([once?.State, once?.ExitCode, more]).toEqual(['exited', 0, []]);
    const lasting = states.filter(({ Service }) => Service !== 'volumes');
    expect(lasting.map(({ Service, Health }) => [Service, Health]).sort()).toEqual([
      ['dashboard', 'healthy'],
      ['redis', 'healthy'],
      ['sync-worker', 'healthy'],
      ['watcher', 'healthy'],
    ]);
    await until('the first scan', atRest, (one) => (one?.stubs ?? 0) >= 18);
    const links = await project.inside(
      'sync-worker',
      'cd /demo/local && find . -path ./.lazysync -prune -o -type l -exec realpath {} +',
    );
    expect(
      links
        .trim()
        .split('\n')
        .every((line) => line.startsWith('/demo/remote/')),
    ).toBe(true);
    expect((await pair())?.problems).toBe(0);
  });

  test('a file written into local is in remote, a stub that is read becomes a copy, and the queue tells of both', async () => {
    const stub = '/demo/local/recipes/plum-jam.md';
    expect(await project.inside('watcher', `test -L ${stub} && echo stub`)).toBe('stub\n');
    await project.inside('watcher', "echo 'from the container' > /demo/local/new.txt");
    await until(
      'the upload',
      () => project.inside('sync-worker', 'cat /demo/remote/new.txt'),
      (text) => text === 'from the container\n',
    );
    const text = await project.inside('watcher', `cat ${stub}`);
    expect(text).toContain('Plum jam');
    await until(
      'the copy',
      () => project.inside('watcher', `test -L ${stub} && echo stub || cat ${stub}`),
      (now) => now === text,
    );
    const finished = await until(
      'both jobs at /queues',
      jobs,
      (all) =>
        outcomeOf(all, 'new.txt appeared in local') !== undefined &&
        outcomeOf(all, 'recipes/plum-jam.md was opened') !== undefined,
    );
    expect(finished.map((job) => job.name)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^local (create|modify) new\.txt/)]),
    );
  });

  test('only this machine reaches the dashboard, nobody reaches Redis, and the board refuses changes', async () => {
    expect((await project.compose(['port', 'dashboard', '7420'])).trim()).toMatch(/^127\.0\.0\.1:\d+$/);
    for (const { ID, Service } of await project.states()) {
      const [seen] = JSON.parse(await project.docker(['inspect', ID])) as {
        Config: { User: string };
        HostConfig: {
          ReadonlyRootfs: boolean;
          CapDrop: string[];
          PortBindings: Record<string, unknown>;
          Privileged: boolean;
        };
      }[];
      expect([Service, seen?.HostConfig.ReadonlyRootfs, seen?.HostConfig.CapDrop, seen?.HostConfig.Privileged]).toEqual(
        [Service, true, ['ALL'], false],
      );
      expect(seen?.Config.User).toBe(Service === 'redis' ? 'redis' : '1000:1000');
      expect(Object.keys(seen?.HostConfig.PortBindings ?? {})).toEqual(Service === 'dashboard' ? ['7420/tcp'] : []);
    }
    expect((await fetch(`${project.address}/api/v1/pairs`)).status).toBe(401);
    for (const path of [
      '/queues/api/queues/demo/pause',
      '/queues/api/queues/demo/obliterate',
      '/queues/anything',
      '/',
    ]) {
      for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
        expect([path, method, (await project.fetch(path, { method })).status]).toEqual([path, method, 405]);
      }
    }
  });

  test('down and up go on where they were, with what changed meanwhile', async () => {
    await atRest();
    await project.compose(['stop'], 90_000);
    // 137 would be a kill: everybody stops when asked to.
    expect((await project.states()).filter(({ ExitCode }) => ExitCode === 137)).toEqual([]);
    await project.compose(['down'], 90_000);
    const write =
      "echo 'while it was down' > /demo/local/notes/todo.txt.new; mv /demo/local/notes/todo.txt.new /demo/local/late.txt; rm /demo/local/letters/2024-03-01-landlord.txt";
    await project.docker(['run', '--rm', '-v', `${project.name}_demo:/demo`, project.image, 'sh', '-c', write]);
    await project.compose(['up', '-d', '--wait', '--wait-timeout', '120'], 180_000);
    await until(
      'the late file',
      () => project.inside('sync-worker', 'cat /demo/remote/late.txt'),
      (text) => text === 'while it was down\n',
    );
    await until(
      'the late removal',
      () => project.inside('sync-worker', 'ls /demo/remote/letters'),
      (names) => !names.includes('landlord'),
    );
    const after = await atRest();
    expect(after).toMatchObject({ problems: 0 });
    expect(after?.copies).toBeGreaterThanOrEqual(3);
    expect(await project.inside('sync-worker', 'test -L /demo/local/recipes/plum-jam.md || echo copy')).toBe('copy\n');
    expect(
      await project.inside('sync-worker', 'find /demo/local/.lazysync/stage /demo/remote/.lazysync/stage -type f'),
    ).toBe('');
  });

  test('a volume that several services use is filled by one that the others wait for', async () => {
    const config = JSON.parse(await project.compose(['config', '--format', 'json'])) as {
      services: Record<
        string,
        { volumes?: { type: string; source: string }[]; depends_on?: Record<string, { condition: string }> }
      >;
    };
    const users = new Map<string, string[]>();
    for (const [name, { volumes = [] }] of Object.entries(config.services))
      for (const { type, source } of volumes)
        if (type === 'volume') users.set(source, [...(users.get(source) ?? []), name]);
    const shared = [...users].filter(([, names]) => names.length > 1);
    expect(shared.map(([source]) => source).sort()).toEqual(['dashboard', 'demo', 'state']);
    for (const [, names] of shared) {
      expect(names).toContain('volumes');
      for (const name of names.filter((one) => one !== 'volumes'))
        expect([name, config.services[name]?.depends_on?.['volumes']?.condition]).toEqual([
          name,
          'service_completed_successfully',
        ]);
    }
  });

  test('the command inside the container tells the status', async () => {
    const status = async (): Promise<{ pairs: Pair[] }> =>
      JSON.parse(await project.compose(['exec', '-T', 'sync-worker', 'lazysync', 'status', '--json']));
    // It does not wait for a Redis that is slow to answer.
    const { pairs } = await until('idle', status, (now) => now.pairs[0]?.state === 'idle');
    expect(pairs).toMatchObject([{ id: 'demo', state: 'idle' }]);
  });
});
