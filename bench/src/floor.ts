/**
 * Floors: the least that has to be done, by plain calls with many in flight. In a process of its own, for its thread
 * pool: `floor.ts NAME ARG…` prints the seconds.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const THREADS = 64;

async function each<T>(
  items: readonly T[],
  atOnce: number,
  act: (item: T, at: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) await act(items[at] as T, at);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

const FLOORS = {
  /** Lists every folder and looks at every name, 16 folders at once. */
  async walk(root: string) {
    let level = [root];
    while (level.length > 0) {
      const below: string[] = [];
      await each(level, 16, async (folder) => {
        for (const name of await fs.readdir(folder)) {
          const full = `${folder}/${name}`;
          if ((await fs.lstat(full)).isDirectory()) below.push(full);
        }
      });
      level = below;
    }
  },
  /** Small files, written under another name and renamed: 16 at once. */
  async create(root: string, count: string, folders: string) {
    const content = Buffer.alloc(4096, 1);
    const all = Array.from({ length: Number(count) }, (_, at) => `${root}/floor-${at % Number(folders)}/f${at}`);
    await each([...new Set(all.map((one) => path.dirname(one)))], 16, (folder) =>
      fs.mkdir(folder, { recursive: true }),
    );
    const begun = performance.now();
    await each(all, 16, async (file) => {
      await fs.writeFile(`${file}.part`, content, { flag: 'wx' });
      await fs.rename(`${file}.part`, file);
    });
    return performance.now() - begun;
  },
  /** One file, 16 reads of 128 KiB in flight on one descriptor. */
  async read(file: string) {
    const handle = await fs.open(file);
    const { size } = await handle.stat();
    const piece = 128 * 1024;
    const ranges = Array.from({ length: Math.ceil(size / piece) }, (_, at) => at * piece);
    await each(ranges, 16, (at) => handle.read(Buffer.alloc(piece), 0, piece, at));
    await handle.close();
  },
  /** All files of a folder, 64 at once. */
  async readAll(folder: string) {
    await each(await fs.readdir(folder), 64, (name) => fs.readFile(`${folder}/${name}`));
  },
  async rename(from: string, to: string) {
    await fs.rename(from, to);
  },
} satisfies Record<string, (...args: string[]) => Promise<number | undefined | void>>;

export type FloorName = keyof typeof FLOORS;

/** Seconds. */
export function floor(name: FloorName, ...args: readonly string[]): number {
  const ran = spawnSync(process.execPath, [fileURLToPath(import.meta.url), name, ...args], {
    encoding: 'utf8',
    env: { ...process.env, UV_THREADPOOL_SIZE: String(THREADS) },
  });
  if (ran.status !== 0) throw new Error(`floor ${name}: ${ran.stderr}`);
  return Number(ran.stdout);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, ...args] = process.argv.slice(2);
  const act = FLOORS[name as FloorName] as (...args: string[]) => Promise<number | undefined>;
  const begun = performance.now();
  const own = await act(...args);
  process.stdout.write(String((own ?? performance.now() - begun) / 1000));
}
