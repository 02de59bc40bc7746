import { expect, test } from 'vitest';
import { envOf, mergeEnv, parseMountPoints, planBinds, secondFile } from '../src/compose-files.ts';

const MOUNTS = parseMountPoints(
  [
    '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
    '30 22 0:40 / /mnt/nas rw,nosuid shared:2 master:3 - fuse.sshfs nas:/data rw,user_id=1000',
    '31 22 0:41 / /nas rw - fuse.sshfs nas:/data rw',
    '32 22 8:2 / /private rw - ext4 /dev/sdb1 rw',
    '33 32 0:42 / /private/my\\040nas rw - nfs4 nas:/ rw',
    'not a line',
  ].join('\n'),
);
const isNetwork = ({ fsType }: { fsType: string }): boolean => fsType.startsWith('fuse.') || fsType.startsWith('nfs');
const plan = (...pairs: [remote: string, local: string][]) =>
  planBinds(
    pairs.map(([remote, local]) => ({ remote, local })),
    MOUNTS,
    isNetwork,
  );

test('a mount is given through the folder above it, so that it is seen again after it was mounted anew', () => {
  expect(plan(['/mnt/nas/work', '/home/me/work'])).toEqual({
    binds: [
      { folder: '/home/me/work', follows: false },
      { folder: '/mnt', follows: true },
    ],
    propagation: 'rslave',
    notices: [],
  });
});

test('where mounts are not shared nothing follows, and that is said', () => {
  const { propagation, notices, binds } = plan(['/private/my nas/work', '/home/me/work']);
  expect(propagation).toBe('rprivate');
  expect(binds).toContainEqual({ folder: '/private', follows: true });
  expect(notices).toEqual([expect.stringContaining('Mounts below /private are not shared')]);
});

test('the root folder itself is never given away', () => {
  const { binds, notices } = plan(['/nas/work', '/home/me/work']);
  expect(binds).toContainEqual({ folder: '/nas', follows: false });
  expect(notices).toEqual([expect.stringContaining('docker compose restart')]);
});

test('folders inside one another are given once', () => {
  const { binds } = plan(['/mnt/nas/a', '/mnt/cache/a'], ['/mnt/nas/b', '/mnt/cache/b'], ['/data/r', '/data/l']);
  expect(binds.map(({ folder }) => folder).sort()).toEqual(['/data/l', '/data/r', '/mnt']);
});

test('what else is in .env stays, and values come back as they are', () => {
  const wish = {
    plan: plan(['/private/my nas/work', "/home/o'neill/$HOME"]),
    config: '/c/lazysync.yaml',
    uid: 1001,
    gid: 100,
  };
  const before = '# mine\nREDIS_PASSWORD=x\nLAZYSYNC_UID=1\nLAZYSYNC_FOLDERS_7=/old\nLAZYSYNC_PORT=9000\n\n';
  const text = mergeEnv(before, envOf(wish));
  expect(text).toBe(
    [
      '# mine',
      'REDIS_PASSWORD=x',
      'LAZYSYNC_PORT=9000',
      'COMPOSE_FILE=docker-compose.yml:docker-compose.folders.yml',
      "LAZYSYNC_FOLDERS='/home/o\\'neill/$HOME'",
      'LAZYSYNC_FOLDERS_2=/private',
      'LAZYSYNC_PROPAGATION=rprivate',
      'LAZYSYNC_CONFIG=/c/lazysync.yaml',
      'LAZYSYNC_UID=1001',
      'LAZYSYNC_GID=100',
      '',
    ].join('\n'),
  );
  expect(mergeEnv(text, envOf(wish))).toBe(text);
});

test('the second file replaces the folders of the demo', () => {
  const text = secondFile(plan(['/mnt/nas/work', '/home/me/work']));
  const replaced = [...text.matchAll(/^ {2}(\S+):\n {4}volumes: !override$/gm)].map(([, name]) => name);
  expect(replaced).toEqual(['volumes', 'watcher', 'sync-worker', 'dashboard']);
  expect(text).toContain(
    'source: "${LAZYSYNC_FOLDERS_2}", target: "${LAZYSYNC_FOLDERS_2}", bind: { propagation: "${LAZYSYNC_PROPAGATION}"',
  );
  expect(text).not.toContain('demo');
});
