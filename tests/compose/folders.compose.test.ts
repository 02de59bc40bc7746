/** `lazysync init --compose`, and then the services on folders of this machine. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProject, type Project, whyNot } from './project.ts';
import { until } from './until.ts';

const reason = await whyNot();
const UID = 1234;
const run = promisify(execFile);

interface Pair {
  readonly id: string;
  readonly state: string;
  readonly queued: number;
  readonly stubs: number;
  readonly problems: number;
}

describe.skipIf(reason !== null)(
  `docker compose on folders of the host${reason === null ? '' : ` (${reason})`}`,
  () => {
    let project: Project;
    let folder: string;
    let said: string;
    const local = (name: string): string => join(folder, 'fast', 'work', name);
    const remote = (name: string): string => join(folder, 'slow disk', 'work', name);
    const isStub = (name: string): boolean => existsSync(local(name)) && lstatSync(local(name)).isSymbolicLink();

    beforeAll(async () => {
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'lazysync-host-')));
      chmodSync(folder, 0o755);
      for (const part of ['slow disk', 'slow disk/work', 'slow disk/work/sub', 'fast']) {
        mkdirSync(join(folder, part));
        chownSync(join(folder, part), UID, UID);
      }
      for (const name of ['a.txt', 'sub/b.txt', 'sub/c.txt']) {
        writeFileSync(remote(name), `content of ${name}\n`);
        chownSync(remote(name), UID, UID);
      }
      project = await createProject();
      const main = join(project.folder, 'apps/cli/src/main.ts');
      // A clone has its packages: here those of the checkout serve.
      const modules = join(import.meta.dirname, '../../node_modules');
      await run('ln', ['-s', modules, join(project.folder, 'node_modules')]);
      const args = ['init', '--compose', '--remote', remote(''), '--local', local(''), '--id', 'work'];
      const env = { ...process.env, LAZYSYNC_STATE: join(folder, 'state') };
      said = (await run(process.execPath, [main, ...args], { cwd: '/', env })).stdout;
      try {
        await project.compose(['up', '-d', '--build', '--wait', '--wait-timeout', '240'], 540_000);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${said}\n${await project.compose(['logs', '--tail', '40'])}`, {
          cause: error,
        });
      }
    });
    afterAll(async () => {
      await project?.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    const pair = async (): Promise<Pair | undefined> => {
      const answer = await project.fetch('/api/v1/pairs');
      return ((await answer.json()) as { pairs: Pair[] }).pairs[0];
    };
    const atRest = (): Promise<Pair | undefined> =>
      until('rest', pair, (one) => one?.state === 'idle' && one.queued === 0);

    test('init said what it wrote, and what comes next', () => {
      expect(said).toContain('docker compose up -d --build --wait');
      const env = readFileSync(join(project.folder, '.env'), 'utf8');
      expect(env).toContain(`LAZYSYNC_UID=${UID}\n`);
      expect(env).toContain(`LAZYSYNC_FOLDERS=${local('').replace(/\/$/, '')}\n`);
    });

    test('the folders are synced, by the owner of the folders', async () => {
      const seen = await atRest();
      expect(seen).toMatchObject({ id: 'work', stubs: 3, problems: 0 });
      const [inspected] = JSON.parse(
        await project.docker([
          'inspect',
          (await project.states()).find(({ Service }) => Service === 'sync-worker')?.ID ?? '',
        ]),
      ) as { Config: { User: string }; Mounts: { Destination: string }[] }[];
      expect(inspected?.Config.User).toBe(`${UID}:${UID}`);
      expect(inspected?.Mounts.some(({ Destination }) => Destination === '/demo')).toBe(false);
      writeFileSync(local('from-host.txt'), 'host\n');
      chownSync(local('from-host.txt'), UID, UID);
      await until(
        'the upload',
        () => existsSync(remote('from-host.txt')),
        (there) => there,
      );
      expect(readFileSync(remote('from-host.txt'), 'utf8')).toBe('host\n');
      expect(statSync(remote('from-host.txt')).uid).toBe(UID);
    });

    test('a stub made in the container leads to its file on the host, and its opening by a host process is seen', async () => {
      expect(isStub('a.txt')).toBe(true);
      expect(readlinkSync(local('a.txt'))).toBe(local('.lazysync/remote/a.txt'));
      expect(readFileSync(local('a.txt'), 'utf8')).toBe('content of a.txt\n');
      await until(
        'the copy',
        () => isStub('a.txt'),
        (stub) => !stub,
      );
      expect(lstatSync(local('a.txt')).uid).toBe(UID);
    });

    test('its opening by another container is seen too', async () => {
      const read = [
        'run',
        '--rm',
        '-u',
        String(UID),
        '-v',
        `${folder}:${folder}`,
        project.image,
        'cat',
        local('sub/b.txt'),
      ];
      expect(await project.docker(read)).toBe('content of sub/b.txt\n');
      await until(
        'the copy',
        () => isStub('sub/b.txt'),
        (stub) => !stub,
      );
    });

    test('down and up go on where they were', async () => {
      await project.compose(['down'], 90_000);
      writeFileSync(local('late.txt'), 'late\n');
      chownSync(local('late.txt'), UID, UID);
      await project.compose(['up', '-d', '--wait', '--wait-timeout', '120'], 180_000);
      await until(
        'the late file',
        () => existsSync(remote('late.txt')),
        (there) => there,
      );
      expect(await atRest()).toMatchObject({ problems: 0 });
      expect(isStub('a.txt')).toBe(false);
      expect(isStub('sub/c.txt')).toBe(true);
    });
  },
);
