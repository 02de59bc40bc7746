/** The folder of our own redis-server: data, lock, log, socket. */
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { errnoOf } from '@lazysync/ops';

/** Of a unix socket's address, without the closing NUL (Linux). */
const MAX_SOCKET_PATH = 107;
const DAMAGED = 'damaged-';
/** Damaged files that are kept. */
const KEPT = 3;

export type Prepared =
  | { readonly kind: 'ready'; readonly dir: string }
  | { readonly kind: 'failed'; readonly message: string };

export async function prepareFolder(wish: string): Promise<Prepared> {
  try {
    await mkdir(wish, { recursive: true, mode: 0o700 });
    const dir = await realpath(wish);
    const { mode } = await lstat(dir);
    if ((mode & 0o077) !== 0) await chmod(dir, 0o700);
    return { kind: 'ready', dir };
  } catch (error) {
    return {
      kind: 'failed',
      message: `The folder for Redis can not be used: ${wish} (${errnoOf(error) ?? 'unknown error'}).`,
    };
  }
}

export type SocketPlace =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'failed'; readonly message: string };

/** In the folder itself, or, where its path is too long for a socket, in a private folder with a short one. */
export async function socketIn(dir: string, env: NodeJS.ProcessEnv = process.env): Promise<SocketPlace> {
  const path = join(dir, 'redis.sock');
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return { kind: 'path', path };
  const hash = createHash('sha256').update(dir).digest('hex').slice(0, 16);
  const uid = process.getuid?.() ?? 0;
  const runtime = env.XDG_RUNTIME_DIR;
  const places = [
    ...(runtime !== undefined && isAbsolute(runtime) ? [join(runtime, `lazysync-${hash}`)] : []),
    join(tmpdir(), `lazysync-${uid}-${hash}`),
    join('/tmp', `lazysync-${uid}-${hash}`),
  ];
  for (const place of places) {
    const short = join(place, 'redis.sock');
    if (Buffer.byteLength(short) <= MAX_SOCKET_PATH && (await isPrivate(place, uid)))
      return { kind: 'path', path: short };
  }
  return {
    kind: 'failed',
    message: `The path ${dir} is too long for a socket, and no private folder could be made for it.`,
  };
}

/** Made by us or found as ours: somebody else's folder in /tmp would let him read and write the queue. */
async function isPrivate(place: string, uid: number): Promise<boolean> {
  try {
    await mkdir(place, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') return false;
  }
  try {
    const stat = await lstat(place);
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0;
  } catch {
    return false; // taken away again
  }
}

/** Moves the data out of the way and answers where it lies now; only the newest few are kept. */
export async function setDamagedAside(dir: string, at = new Date()): Promise<string> {
  const aside = join(dir, `${DAMAGED}${at.toISOString().replaceAll(':', '').replace('.', '')}`);
  await mkdir(aside, { mode: 0o700 });
  for (const name of ['appendonlydir', 'appendonly.aof', 'dump.rdb']) {
    try {
      await rename(join(dir, name), join(aside, name));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  const all = (await readdir(dir)).filter((name) => name.startsWith(DAMAGED)).sort();
  for (const name of all.slice(0, -KEPT)) await rm(join(dir, name), { recursive: true, force: true });
  return aside;
}
