/** The pictures of the documentation: LAZYSYNC_SCREENSHOTS=docs/pictures npm test -- pictures */
import { relPath, type SyncEvent } from '@lazysync/event-model';
import { describe, test } from 'vitest';
import { launch, open, program, shoot, waitLive } from './support/browser.ts';
import { copy, directory, startDemo, stub } from './support/demo.ts';

const MINUTE = 60_000;
const acts = ['make-stub in local', 'upload in remote', 'hydrate in local', 'dehydrate in local'] as const;

const OUTCOMES: Readonly<Record<string, string>> = {
  'report.md': 'upload in remote (changed in local)',
  'photos/2025-0060.raw': 'make-stub in local (new in remote)',
  'film/holiday.mkv': 'download begun',
  'thesis.pdf': 'dehydrate in local (changed in remote)',
};

describe.skipIf(program === undefined || process.env.LAZYSYNC_SCREENSHOTS === undefined)('pictures', () => {
  test('are taken', async () => {
    const demo = await startDemo('projects', {}, undefined, (path) => OUTCOMES[path] ?? '');
    const browser = await launch();
    try {
      const { base } = demo;
      const rows = [
        directory('film'),
        directory('photos'),
        directory('notes'),
        ...Array.from({ length: 900 }, (_, n) => stub(`photos/2024-${String(n).padStart(4, '0')}.raw`, 24_000_000)),
        ...Array.from({ length: 60 }, (_, n) => copy(`photos/2025-${String(n).padStart(4, '0')}.raw`, 24_000_000)),
        stub('film/holiday.mkv', 4_200_000_000),
        ...Array.from({ length: 40 }, (_, n) => copy(`notes/${n}.md`, 4000 + 37 * n)),
        copy('budget.ods', 48_000),
        stub('thesis.pdf', 3_100_000),
        copy('report.md', 9_200),
      ];
      base.record(
        rows.map((record) => ({ kind: 'put', record })),
        [],
      );
      const now = Date.now();
      for (let minute = 58; minute > 0; minute--) {
        const many = Math.max(0, Math.round(3 + 4 * Math.sin(minute / 4) + 3 * Math.sin(minute / 1.7)));
        for (let n = 0; n < many; n++) {
          const at = now - minute * MINUTE + n * 5000;
          const path = n % 3 === 0 ? `photos/2025-00${10 + (minute % 40)}.raw` : `notes/${(minute + n) % 40}.md`;
          base.record([], [], [{ path: relPath(path), act: acts[(minute + n) % 4] ?? acts[0], why: 'seen' }], at);
        }
      }
      base.putTransfer({
        id: 't1',
        path: relPath('film/holiday.mkv'),
        state: 'running',
        remote: { size: 4_200_000_000, mtimeNs: 0n, mode: 0o644 },
        bytes: 1_750_000_000,
        staged: null,
      });
      base.putPin('/notes/');
      base.putConflict({
        path: relPath('budget.ods'),
        conflict: relPath('budget (conflict 2025-03-01 101500 laptop).ods'),
        at: now,
      });
      base.setMeta('last-change', new Date(now).toISOString());
      base.setMeta('state', 'syncing');
      const events: SyncEvent[] = [
        { kind: 'modify', side: 'local', path: relPath('report.md') },
        { kind: 'create', side: 'remote', path: relPath('photos/2025-0060.raw') },
        { kind: 'access', side: 'local', path: relPath('film/holiday.mkv') },
        { kind: 'modify', side: 'remote', path: relPath('thesis.pdf') },
      ];
      for (const event of events) await demo.publish([event]);
      // It reads the last hour when it starts.
      await demo.restartDashboard(async () => undefined);
      for (const [name, path, ready, options] of [
        ['overview', '/', '[data-pair="projects"]', { viewport: { width: 1000, height: 560 } }],
        ['pair', '/pairs/projects', '#chart-queue canvas', { viewport: { width: 1200, height: 1180 } }],
        [
          'files-dark',
          '/pairs/projects/tree',
          '[data-path="report.md"]',
          { viewport: { width: 1000, height: 560 }, colorScheme: 'dark' },
        ],
        [
          'pair-phone',
          '/pairs/projects',
          '#chart-queue canvas',
          { viewport: { width: 400, height: 860 }, colorScheme: 'dark' },
        ],
        [
          'queues',
          '/queues/queue/projects?status=completed',
          'text=local modify report.md',
          { viewport: { width: 1200, height: 760 } },
        ],
      ] as const) {
        const seen = await open(browser, `${demo.url}${path}`, options);
        if (!path.startsWith('/queues')) await waitLive(seen.page);
        await seen.page.locator(ready).first().waitFor();
        if (name === 'pair') await seen.page.locator('#latest').getByText('report.md').first().waitFor();
        await shoot(seen.page, name);
        await seen.close();
      }
    } finally {
      await browser.close();
      await demo.close();
    }
  });
});
