/** The pages in a real browser, with a pair whose state the test sets. */
import { relPath } from '@lazysync/event-model';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  launch,
  open,
  overflow,
  program,
  seriousViolations,
  shoot,
  title,
  type Watched,
  waitLive,
} from './support/browser.ts';
import { copy, type Demo, directory, startDemo, stub } from './support/demo.ts';
import { until } from './support/until.ts';

describe.skipIf(program === undefined)(title, () => {
  let browser: Browser;
  let demo: Demo;

  beforeAll(async () => {
    demo = await startDemo();
    browser = await launch();
    const { base } = demo;
    const rows = [
      directory('many'),
      ...Array.from({ length: 1200 }, (_, n) => stub(`many/file ${String(n).padStart(4, '0')}.raw`, 5_000_000)),
    ];
    base.record(
      rows.map((record) => ({ kind: 'put', record })),
      [],
    );
    base.putTransfer({
      id: 't1',
      path: relPath('src/big.iso'),
      state: 'running',
      remote: { size: 1_000_000_000, mtimeNs: 0n, mode: 0o644 },
      bytes: 420_000_000,
      staged: null,
    });
    base.putProblem(
      {
        code: 'no-permission',
        path: relPath('secret.key'),
        side: 'remote',
        message: 'The remote refuses to read it; it is tried again.',
      },
      Date.now(),
    );
    base.putConflict({
      path: relPath('notes.md'),
      conflict: relPath('notes (conflict 2025-01-02 030405 box).md'),
      at: Date.now(),
    });
  });
  afterAll(async () => {
    await browser?.close();
    await demo?.close();
  });

  const visit = async (
    path: string,
    act: (page: Page, seen: Watched) => Promise<void>,
    options: BrowserContextOptions = {},
    expected?: RegExp,
  ): Promise<void> => {
    const seen = await open(browser, `${demo.url}${path}`, options);
    try {
      await act(seen.page, seen);
    } finally {
      await seen.close(expected);
    }
  };

  test('the overview shows the pair, and its numbers move without a reload', async () => {
    await visit('/', async (page) => {
      const card = page.locator('[data-pair="projects"]');
      await waitLive(page);
      await card.getByText('in sync', { exact: true }).waitFor();
      await card.getByText('250 MB here of 7.3 GB, 7.0 GB saved by being lazy').waitFor();
      await page.evaluate('window.notReloaded = true');
      demo.base.record([{ kind: 'put', record: copy('src/a.ts', 1200) }], []);
      demo.base.setMeta('state', 'syncing');
      await card.getByText('syncing', { exact: true }).waitFor();
      expect(await card.locator('[data-region="copies"]').innerText()).toBe('2');
      expect(await card.getAttribute('data-state')).toBe('syncing');
      expect(await page.evaluate('window.notReloaded')).toBe(true);
      demo.base.setMeta('state', 'idle');
    });
  });

  test('the page of a pair follows what is done, and lists what needs a person', async () => {
    await visit('/', async (page) => {
      await page.locator('[data-pair="projects"] h2 a').click();
      await waitLive(page);
      await page.evaluate('window.notReloaded = true');
      await page.getByText('420 MB of 1.0 GB').waitFor();
      await page.getByText('The remote refuses to read it').waitFor();
      await page.getByText('notes (conflict 2025-01-02 030405 box).md').waitFor();
      const before = await page.locator('#queue-words').innerText();
      const pixels = (): Promise<string> => page.evaluate('document.querySelector("#chart-queue canvas").toDataURL()');
      await page.locator('#chart-queue canvas').waitFor();
      const picture = await pixels();
      for (let n = 0; n < 5; n++) {
        demo.base.record(
          [],
          [],
          [{ path: relPath('README.md'), act: 'upload in remote', why: 'local changed' }],
          Date.now(),
        );
      }
      await demo.publish([{ kind: 'modify', side: 'local', path: relPath('README.md') }]);
      await page.locator('#latest').getByText('local modify README.md').first().waitFor();
      await page.locator('#latest').getByText('uploaded 12 B').first().waitFor();
      await until(
        'the words',
        () => page.locator('#queue-words').innerText(),
        (now) => now !== before,
      );
      expect(await page.locator('#moved-words').innerText()).toContain('1.3 GB went up');
      await until('the chart', pixels, (now) => now !== picture);
      demo.base.putTransfer({
        id: 't1',
        path: relPath('src/big.iso'),
        state: 'running',
        remote: { size: 1_000_000_000, mtimeNs: 0n, mode: 0o644 },
        bytes: 840_000_000,
        staged: null,
      });
      await page.getByText('840 MB of 1.0 GB').waitFor();
      expect(await page.locator('#transfers-list progress').getAttribute('value')).toBe('840000000');
      expect(await page.evaluate('window.notReloaded')).toBe(true);
    });
  });

  test('the tree is paged, searched by the begin of a name, and walked by keyboard', async () => {
    await visit('/pairs/projects/tree', async (page) => {
      await waitLive(page);
      await page.locator('#items').getByRole('link', { name: 'many/' }).click();
      await page.getByText('the first 200 entries').waitFor();
      expect(new URL(page.url()).searchParams.get('path')).toBe('many');
      await page.getByRole('button', { name: 'Show more' }).click();
      await page.getByText('the first 400 entries').waitFor();
      expect(await page.locator(':focus').innerText()).toBe('file 0200.raw');
      await page.keyboard.press('ArrowDown');
      expect(await page.locator(':focus').innerText()).toBe('file 0201.raw');
      await page.getByLabel('Names that begin with').fill('file 119');
      await page.getByText('10 entries').waitFor();
      await page.goBack();
      await page.locator('#items').getByText('README.md').waitFor();
      await page.locator('[data-path="secret.key"]').getByText('The remote refuses').waitFor();
      await page.locator('[data-path="src"]').getByText('2 files').waitFor();
    });
  });

  test('the board lists the lane and a finished job with its outcome, and refuses changes', async () => {
    await demo.publish([{ kind: 'modify', side: 'local', path: relPath('README.md') }]);
    await visit(
      '/',
      async (page) => {
        await page.locator('[data-pair="projects"] a.lane').click();
        await page.waitForURL(/\/queues\/queue\/projects/);
        await page.goto(`${demo.url}/queues/queue/projects?status=completed`);
        await page.getByText('local modify README.md').first().waitFor();
        await page
          .getByText('README.md changed in local → uploaded 12 B: local changed, the remote did not')
          .first()
          .waitFor();
        expect(await page.getByRole('button', { name: /retry|promote|clean|obliterate|add job|pause/i }).count()).toBe(
          0,
        );
        await shoot(page, 'queues');
        await page.goto(`${demo.url}/queues`);
        await page.locator('main').getByText('projects').first().waitFor();
        const refused = await page.evaluate(
          'fetch("/queues/api/queues/projects/pause", { method: "PUT" }).then((one) => one.status)',
        );
        expect(refused).toBe(405);
      },
      {},
      /405 \(Method Not Allowed\)/,
    );
  });

  test.each([
    ['light', 1200],
    ['dark', 400],
  ] as const)('%s and %i pixels wide: all fits, and nothing serious is found by axe', async (colorScheme, width) => {
    const options = { colorScheme, viewport: { width, height: 900 } };
    for (const [name, path, ready] of [
      ['overview', '/', '[data-pair="projects"]'],
      ['pair', '/pairs/projects', '#chart-queue canvas'],
      ['tree', '/pairs/projects/tree', '[data-path="README.md"]'],
    ] as const) {
      await visit(
        path,
        async (page) => {
          await waitLive(page);
          await page.locator(ready).waitFor();
          expect(await overflow(page)).toBeLessThanOrEqual(0);
          expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
            colorScheme === 'dark' ? 'rgb(18, 22, 20)' : 'rgb(246, 247, 245)',
          );
          expect(await seriousViolations(page)).toEqual([]);
          await shoot(page, `test-${name}-${colorScheme}-${width}`);
        },
        options,
      );
    }
  });

  test('a dashboard with a token asks for it, and keeps who gave it', async () => {
    const token = 'open-sesame-open-sesame';
    const guarded = await startDemo('projects', { access: { kind: 'token', token } });
    try {
      const seen = await open(browser, `${guarded.url}/pairs/projects/tree?path=src`);
      const { page } = seen;
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      expect(await seriousViolations(page)).toEqual([]);
      await page.getByLabel('Token').fill('guess');
      await page.keyboard.press('Enter');
      await page.getByText('This is not the token.').waitFor();
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.locator('[data-path="src/a.ts"]').waitFor();
      await page.goto(`${guarded.url}/`);
      await page.locator('[data-pair="projects"]').waitFor();
      // The browser says of each refusal that it was one.
      await seen.close(/401 \(Unauthorized\)/);
      const printed = await open(browser, `${guarded.url}/?token=${token}`);
      await printed.page.locator('[data-pair="projects"]').waitFor();
      expect(printed.page.url()).toBe(`${guarded.url}/`);
      await printed.close();
    } finally {
      await guarded.close();
    }
  });

  test('it says when the dashboard is gone, and is live again when it is back', async () => {
    await visit(
      '/',
      async (page) => {
        await waitLive(page);
        await demo.restartDashboard(async () => {
          await until(
            'the notice',
            () => page.locator('#live').innerText(),
            (text) => text.startsWith('not live'),
          );
        });
        await waitLive(page);
      },
      {},
      // The browser says of each attempt in between that nobody answered.
      /ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/,
    );
  });
});
