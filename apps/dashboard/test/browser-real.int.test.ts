/** The pages in a real browser, over a pair that is really kept in step: what is clicked happens to files. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { programFile } from '@lazysync/programs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, open, program, shoot, title, waitLive } from './support/browser.ts';
import { until } from './support/until.ts';

const MAIN = programFile('cli');
const FLAGS = ['--disable-warning=ExperimentalWarning', MAIN];
const run = promisify(execFile);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe.skipIf(program === undefined)(title, () => {
  let folder: string;
  let browser: Browser;
  let up: ChildProcess;
  let url: string;
  let said = '';
  const local = (name: string): string => join(folder, 'local', name);
  const remote = (name: string): string => join(folder, 'remote', name);
  const isStub = (name: string): boolean => existsSync(local(name)) && lstatSync(local(name)).isSymbolicLink();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lazysync-real-'));
    mkdirSync(join(folder, 'remote', 'photos'), { recursive: true });
    for (let n = 0; n < 220; n++)
      writeFileSync(remote(`photos/p${String(n).padStart(3, '0')}.raw`), 'x'.repeat(2000 + n));
    writeFileSync(remote('report.md'), '# Report\n');
    mkdirSync(remote('notes'));
    writeFileSync(remote('notes/todo.md'), 'one\n');
    const pair = [
      '--remote',
      join(folder, 'remote'),
      '--local',
      join(folder, 'local'),
      '--id',
      'projects',
      '--state',
      join(folder, 'state'),
    ];
    const env = { ...process.env, XDG_STATE_HOME: join(folder, 'state') };
    await run(process.execPath, [...FLAGS, 'sync', ...pair], { env, timeout: 60_000 });
    // While nobody watches, half of it goes: nobody was seen deleting it.
    for (const name of readdirSync(remote('photos')).slice(0, 110)) rmSync(remote(`photos/${name}`));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    up = spawn(process.execPath, [...FLAGS, 'up', ...pair, '--port', String(port), '--log-level', 'warn'], {
      env,
      stdio: 'pipe',
    });
    for (const stream of [up.stdout, up.stderr])
      stream?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    await until(
      'ready',
      () => said,
      (text) => text.includes('ready'),
      30_000,
    );
    browser = await launch();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    if (up?.pid !== undefined && up.exitCode === null) {
      const gone = once(up, 'exit');
      up.kill('SIGTERM');
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test('a held mass delete is shown, and approved by a click', async () => {
    const seen = await open(browser, `${url}/pairs/projects`);
    const { page } = seen;
    await waitLive(page);
    await page.getByText('110 of 224 entries are gone in remote').or(page.locator('#held-list li')).first().waitFor();
    expect(await page.locator('#state').innerText()).toBe('waits for your yes');
    await shoot(page, 'held');
    await page.getByRole('button', { name: 'Approve: carry it out' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Approved: the deletes are carried out.').waitFor();
    await until(
      'the deletes',
      () => readdirSync(local('photos')).length,
      (left) => left === 110,
      20_000,
    );
    await page.locator('#state').getByText('in sync').waitFor();
    expect(await page.locator('#held').isVisible()).toBe(false);
    await seen.close();
  });

  test('what happens to files is seen without a reload', async () => {
    const seen = await open(browser, `${url}/pairs/projects`);
    const { page } = seen;
    await waitLive(page);
    await page.evaluate('window.notReloaded = true');
    const copies = async (): Promise<number> => Number(await page.locator('#figure-copies').innerText());
    const before = await copies();
    writeFileSync(local('fresh.txt'), 'written here\n');
    await page
      .locator('#latest')
      .getByText(/local (create|modify) fresh\.txt/)
      .first()
      .waitFor();
    await until('the count', copies, (now) => now === before + 1);
    expect(readFileSync(remote('fresh.txt'), 'utf8')).toBe('written here\n');
    expect(await page.evaluate('window.notReloaded')).toBe(true);
    await page.locator('#moved-words').getByText('13 B went up').waitFor();
    await seen.close();
  });

  test('a file is fetched, pinned, unpinned and freed in the tree', async () => {
    const seen = await open(browser, `${url}/pairs/projects/tree`);
    const { page } = seen;
    await waitLive(page);
    const row = page.locator('[data-path="report.md"]');
    await row.getByText('stub', { exact: true }).waitFor();
    await row.getByRole('button', { name: 'Get report.md' }).click();
    await row.getByText('copy', { exact: true }).waitFor();
    await until(
      'the copy',
      () => isStub('report.md'),
      (stub) => !stub,
    );
    await row.getByRole('button', { name: 'Pin report.md', exact: true }).click();
    await row.getByText('pinned', { exact: true }).waitFor();
    await row.getByRole('button', { name: 'Free report.md' }).click();
    await page.locator('#said').getByText('is pinned').waitFor();
    await row.getByRole('button', { name: 'Unpin report.md' }).click();
    await row.getByRole('button', { name: 'Pin report.md', exact: true }).waitFor();
    await shoot(page, 'tree-real');
    await row.getByRole('button', { name: 'Free report.md' }).click();
    await row.getByText('stub', { exact: true }).waitFor();
    await until(
      'the stub',
      () => isStub('report.md'),
      (stub) => stub,
    );
    await page.getByRole('link', { name: 'notes/' }).click();
    await page.getByText('todo.md').waitFor();
    await seen.close();
  });

  test('what was deleted comes back from the trash', async () => {
    const seen = await open(browser, `${url}/pairs/projects`);
    const { page } = seen;
    await waitLive(page);
    rmSync(local('notes/todo.md'));
    await until(
      'the delete',
      () => existsSync(remote('notes/todo.md')),
      (there) => !there,
    );
    await page.getByRole('button', { name: 'Show what was deleted' }).click();
    await page.getByRole('button', { name: 'Restore notes/todo.md' }).first().click();
    await page.locator('#said').getByText('Restored as notes/todo.md').waitFor();
    await until(
      'the file',
      () => existsSync(remote('notes/todo.md')),
      (there) => there,
    );
    await seen.close();
  });

  test('a paused pair carries nothing out until it is resumed', async () => {
    const seen = await open(browser, `${url}/pairs/projects`);
    const { page } = seen;
    await waitLive(page);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.locator('#state').getByText('paused').waitFor();
    writeFileSync(local('later.txt'), 'later\n');
    await until(
      'the queue',
      () => page.locator('#figure-queued').innerText(),
      (text) => text !== '0',
    );
    expect(existsSync(remote('later.txt'))).toBe(false);
    await page.getByRole('button', { name: 'Resume' }).click();
    await until(
      'the upload',
      () => existsSync(remote('later.txt')),
      (there) => there,
    );
    await page.locator('#state').getByText('in sync').waitFor();
    await seen.close();
  });
});
