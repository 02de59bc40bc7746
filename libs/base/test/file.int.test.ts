/** The file itself: read beside its writer, killed in the middle of a transaction, damaged, of another version. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BaseDamaged, openBase, openBaseReader } from '../src/index.ts';
import { at, directory, stub } from './records.ts';

let folder: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lazysync-base-'));
  file = join(folder, 'base.db');
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  await rm(folder, { recursive: true, force: true });
});

interface Spawned {
  readonly child: ChildProcess;
  readonly lines: () => readonly string[];
}

function run(script: string, ...args: string[]): Spawned {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return {
    child,
    lines: () =>
      text
        .slice(0, text.lastIndexOf('\n') + 1)
        .split('\n')
        .filter((line) => line !== ''),
  };
}

async function until(what: string, holds: () => boolean, ms = 60_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function killed({ child }: Spawned): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

test('a process reads whole transactions beside the writer', async () => {
  const writer = run('writer.ts', file);
  await until('the first row', () => writer.lines().length > 0);
  const readers = [run('reading.ts', file, '200'), run('reading.ts', file, '400')];
  const answers = await Promise.all(
    readers.map(async ({ child }) => {
      const [chunk] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
      return JSON.parse(chunk.toString()) as { looks: number; seen: number; odd: number };
    }),
  );
  for (const { looks, odd } of answers) {
    expect(odd).toBe(0);
    expect(looks).toBeGreaterThan(0);
  }
  expect(answers.map((one) => one.seen >= 200)).toEqual([true, true]);
  await killed(writer);
});

test('a writer that is killed at any moment leaves whole transactions, and all that it had finished', async () => {
  let reached = 0;
  for (let round = 0; round < 8; round++) {
    const writer = run('writer.ts', file);
    const wanted = 1 + round * 3;
    await until('some transactions', () => writer.lines().length >= wanted);
    await killed(writer);
    const last = Number(writer.lines().at(-1));
    expect(last).toBeGreaterThanOrEqual(reached + wanted - 1);
    const base = openBase(file);
    const even = base.children(at('even')).length;
    const folders = [base.children(at('here')).length, base.children(at('there')).length];
    expect(folders).toContain(0);
    const done = Math.max(...folders);
    expect(even).toBe(2 * done);
    expect(done).toBeGreaterThan(last);
    // Begun and not recorded: at most the one that was at work, and it is still there to be looked at.
    const intents = base.intents();
    expect(intents.length).toBeLessThanOrEqual(1);
    if (intents.length === 1) expect(intents[0]?.at).toBe(done);
    base.record(
      [],
      intents.map((one) => one.slot),
    );
    base.close();
    reached = done;
  }
});

test('a base of version 1 goes on with all that it knows', () => {
  const base = openBase(file);
  const rows = [directory('d', 1), directory('d/e', 2)];
  base.record(
    rows.map((record) => ({ kind: 'put', record })),
    [],
  );
  base.close();
  // As version 1 was.
  const old = new DatabaseSync(file);
  old.exec('DROP TABLE seal');
  old.exec('DROP INDEX entry_by_remote_inode');
  for (const column of ['r_dev', 'r_ino', 'r_birth']) old.exec(`ALTER TABLE entry DROP COLUMN ${column}`);
  old.exec('PRAGMA user_version = 1');
  old.close();
  const again = openBase(file);
  expect(again.below(at(''))).toEqual(rows);
  const identity = { dev: 1n, ino: 7n, birthNs: 5n };
  const known = { ...directory('d', 1), remote: identity };
  again.record([{ kind: 'put', record: known }], []);
  expect(again.withRemoteIdentity(identity)).toEqual([known]);
  again.close();
});

test('a base of version 2 goes on with all that it knows', () => {
  const base = openBase(file);
  base.record([{ kind: 'put', record: directory('d', 1) }], []);
  base.close();
  const old = new DatabaseSync(file);
  old.exec('DROP TABLE seal; PRAGMA user_version = 2');
  old.close();
  const again = openBase(file);
  expect(again.below(at(''))).toEqual([directory('d', 1)]);
  again.putSeals(new Map([[at('d'), { local: 'l', remote: 'r', names: 0 }]]));
  expect(again.seal(at('d'))).toEqual({ local: 'l', remote: 'r', names: 0 });
  again.close();
});

test('a reader is told that somebody else has written', () => {
  const base = openBase(file);
  const reader = openBaseReader(file);
  const before = reader.version();
  expect(reader.version()).toBe(before);
  base.record([{ kind: 'put', record: directory('d', 1) }], []);
  expect(reader.version()).not.toBe(before);
  reader.close();
  base.close();
});

describe('a file that can not be used', () => {
  async function filled(): Promise<void> {
    const base = openBase(file);
    base.record(
      Array.from({ length: 2_000 }, (_, i) => ({ kind: 'put', record: stub(`d${i % 40}/file ${i}`, i) }) as const),
      [],
    );
    base.record(
      Array.from({ length: 40 }, (_, i) => ({ kind: 'put', record: directory(`d${i}`, i) }) as const),
      [],
    );
    base.close();
  }

  test('none: a new one for the writer, an error and still none for a reader', async () => {
    expect(() => openBaseReader(file)).toThrow();
    await expect(stat(file)).rejects.toThrow('ENOENT');
    openBase(file).close();
    const reader = openBaseReader(file);
    expect(reader.counts().entries).toBe(0);
    reader.close();
  });

  test.each([
    ['text', 'this is no database, whatever its name says '.repeat(200)],
    ['zeroes', '\0'.repeat(8_192)],
  ])('%s', async (_name, content) => {
    await writeFile(file, content);
    expect(() => openBaseReader(file)).toThrow(BaseDamaged);
    expect(() => openBase(file)).toThrow(BaseDamaged);
  });

  test.each(['', 'x'])('one that was never begun (%j) is a new one', async (content) => {
    await writeFile(file, content);
    expect(() => openBaseReader(file)).toThrow(BaseDamaged);
    openBase(file).close();
  });

  test('cut in half', async () => {
    await filled();
    await truncate(file, Math.floor((await stat(file)).size / 2));
    expect(() => openBase(file)).toThrow(BaseDamaged);
  });

  test('any page of it zeroed', async () => {
    await filled();
    const whole = await readFile(file);
    const size = 4_096;
    const pages = whole.length / size;
    expect(pages).toBeGreaterThan(20);
    for (let page = 0; page < pages; page++) {
      const copy = join(folder, `damaged-${page}.db`);
      await writeFile(
        copy,
        Buffer.concat([whole.subarray(0, page * size), Buffer.alloc(size), whole.subarray((page + 1) * size)]),
      );
      expect(() => openBase(copy).close(), `page ${page}`).toThrow(BaseDamaged);
    }
  });

  test('of a version to come, for writer and reader', async () => {
    await filled();
    const later = join(folder, 'later.db');
    await copyFile(file, later);
    const bytes = await readFile(later);
    bytes.writeUInt32BE(999, 60); // user_version in the header
    await writeFile(later, bytes);
    expect(() => openBase(later)).toThrow(/version 999/);
    expect(() => openBaseReader(later)).toThrow(/version 999/);
    expect(() => openBase(later)).toThrow(BaseDamaged);
  });

  test('what is not damaged is all there when it is opened again', async () => {
    await filled();
    const base = openBase(file);
    expect(base.counts()).toMatchObject({ entries: 2_040, directories: 40, stubs: 2_000 });
    base.close();
  });
});
