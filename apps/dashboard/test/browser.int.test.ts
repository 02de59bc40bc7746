/** The pages in a real browser: they work, they are quiet in the console, and they ask nobody but the dashboard. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { copy, type Demo, startDemo } from './support/demo.ts';
import { until } from './support/until.ts';

const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
  existsSync(file),
);
const shots = process.env.LAZYSYNC_SCREENSHOTS;

describe.skipIf(program === undefined)(
  `in Chromium${program === undefined ? ' (there is none: apt-get install chromium)' : ''}`,
  () => {
    let browser: Browser;
    let demo: Demo;
    let page: Page;
    let foreign: string[];
    let complaints: string[];

    beforeAll(async () => {
      demo = await startDemo();
      browser = await chromium.launch({
        executablePath: program ?? '',
        args: ['--no-sandbox', '--disable-dev-shm-usage'],
      });
    });
    afterAll(async () => {
      await browser?.close();
      await demo?.close();
    });

    async function open(path: string, options: BrowserContextOptions = {}): Promise<void> {
      const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
      page = await context.newPage();
      page.setDefaultTimeout(15_000);
      page.on('request', (request) => {
        const url = new URL(request.url());
        if (url.protocol !== 'data:' && url.protocol !== 'blob:' && url.origin !== demo.url)
          foreign.push(request.url());
      });
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(`${demo.url}${path}`);
    }
    beforeEach(() => {
      foreign = [];
      complaints = [];
    });
    afterEach(async () => {
      await page.context().close();
      expect(foreign).toEqual([]);
      expect(complaints).toEqual([]);
    });
    const shoot = async (name: string): Promise<void> => {
      if (shots !== undefined) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
    };

    test('the overview shows the pair, and its numbers move without a reload', async () => {
      await open('/');
      const card = page.locator('[data-pair="projects"]');
      await page.locator('#live[data-live="yes"]').waitFor();
      await card.getByText('in sync', { exact: true }).waitFor();
      expect(await card.locator('[data-region="here"]').innerText()).toBe('250 MB here of 1.3 GB');
      await page.evaluate('window.notReloaded = true');
      demo.base.record([{ kind: 'put', record: copy('src/a.ts', 1200) }], []);
      demo.base.putProblem(
        {
          code: 'no-permission',
          path: 'secret.key' as never,
          side: 'remote',
          message: 'The remote refuses to read it; it is tried again.',
        },
        Date.now(),
      );
      demo.base.putConflict({
        path: 'notes.md' as never,
        conflict: 'notes (conflict 2025-01-02 030405 box).md' as never,
        at: Date.now(),
      });
      demo.base.setMeta('state', 'syncing');
      await demo.publish([{ kind: 'modify', side: 'local', path: 'src/a.ts' as never }]);
      await card.getByText('syncing', { exact: true }).waitFor();
      expect(await card.locator('[data-region="copies"]').innerText()).toBe('2');
      expect(await card.getAttribute('data-state')).toBe('syncing');
      await card.getByText('The remote refuses to read it').waitFor();
      await card.getByText('local modify src/a.ts').waitFor();
      expect(await page.evaluate('window.notReloaded')).toBe(true);
      await shoot('overview-light');
      demo.base.setMeta('state', 'idle');
    });

    test('it follows the wish for dark, and fits a phone', async () => {
      await open('/', { colorScheme: 'dark', viewport: { width: 400, height: 800 } });
      await page.locator('#live[data-live="yes"]').waitFor();
      const colour = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(colour).toBe('rgb(18, 22, 20)');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(400);
      await shoot('overview-dark-phone');
    });

    test('the board lists the lane and a finished job with its outcome', async () => {
      await demo.publish([{ kind: 'modify', side: 'local', path: 'README.md' as never }]);
      await open('/');
      await page.locator('[data-pair="projects"] a.lane').click();
      await page.waitForURL(/\/queues\/queue\/projects/);
      await page.goto(`${demo.url}/queues/queue/projects?status=completed`);
      await page.getByText('local modify README.md').first().waitFor();
      await page
        .getByText('README.md changed in local → uploaded 12 B: local changed, the remote did not')
        .first()
        .waitFor();
      await shoot('board');
      await page.goto(`${demo.url}/queues`);
      await page.locator('main').getByText('projects').first().waitFor();
      await shoot('board-all');
    });

    test('it says when the dashboard is gone, and is live again when it is back', async () => {
      await open('/');
      await page.locator('#live[data-live="yes"]').waitFor();
      await demo.restartDashboard(async () => {
        await until(
          'the notice',
          () => page.locator('#live').innerText(),
          (text) => text.startsWith('not live'),
        );
      });
      await page.locator('#live[data-live="yes"]').waitFor();
      // The browser says of each attempt in between that nobody answered.
      complaints = complaints.filter(
        (text) => !/ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/.test(text),
      );
    });
  },
);
