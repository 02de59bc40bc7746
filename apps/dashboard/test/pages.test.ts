import type { PairReport } from '@lazysync/status';
import { expect, test } from 'vitest';
import { withoutOtherHosts } from '../src/board.ts';
import { html } from '../src/html.ts';
import { livePair, renderPage } from '../src/overview.ts';
import { bytes, count } from '../src/words.ts';

test('sizes and numbers read as people write them', () => {
  expect([0, 1, 999, 1000, 1234, 999_499, 999_999, 1_200_000_000, 5e15].map(bytes)).toEqual([
    '0 B',
    '1 B',
    '999 B',
    '1.0 kB',
    '1.2 kB',
    '999 kB',
    '1.0 MB',
    '1.2 GB',
    '5.0 PB',
  ]);
  expect(count(1_234_567)).toBe('1,234,567');
});

test('what is put into HTML can not become HTML', () => {
  const evil = `<img src=x onerror="alert('1')">&`;
  expect(html`<p title="${evil}">${evil}</p>`.html).toBe(
    '<p title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;">&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;</p>',
  );
});

test('links and scripts of other hosts are taken out of a page, own ones stay', () => {
  const own = '<link href="static/main.css" rel="stylesheet"><script defer src="static/js/main.js"></script>';
  const others = [
    '<link href="https://fonts.googleapis.com/css2?family=A&display=swap" rel="stylesheet">',
    '<link rel="preconnect" href="//fonts.gstatic.com" crossorigin>',
    `<script src='http://cdn.example/x.js'></script>`,
  ];
  expect(withoutOtherHosts(`<head>${others.join('\n')}${own}</head>`)).toBe(`<head>\n\n${own}</head>`);
});

const report: PairReport = {
  status: {
    id: 'p"><script>',
    local: '/home/me/<b>',
    remote: '/mnt/nas',
    state: 'starting',
    queued: 1234,
    transfers: 0,
    entries: 0,
    directories: 0,
    stubs: 3,
    copies: 4,
    cachedBytes: 250,
    remoteBytes: 1000,
    conflicts: 0,
    problems: 25,
    held: 0,
    lastChange: null,
    redis: 'up',
    watchers: [{ pid: 12, host: 'box' }],
    worker: [],
  },
  why: null,
  progress: { done: 1240, total: 10000 },
  transfers: [],
  problems: Array.from({ length: 25 }, (_, index) => ({
    code: 'failed' as const,
    path: `f${index}` as PairReport['problems'][number]['path'],
    side: null,
    message: 'could not be read <x>',
    since: 0,
  })),
  held: [],
  conflicts: [],
};

test('the overview shows numbers, state and problems, escaped', () => {
  const view = {
    report,
    latest: [{ id: '1', at: 0, what: 'local modify <i>', outcome: null }],
    lane: '/queues/queue/p',
  };
  const page = renderPage([view]);
  expect(page).not.toMatch(/<script>|<b>|<i>|<x>/);
  expect(page).toContain('Mirroring 1,240 of 10,000.');
  expect(page).toContain('and 5 others');
  const { regions } = livePair(view);
  expect(regions).toMatchObject({ queued: '1,234', files: '7', state: 'starting' });
  expect(regions.bar).toContain('value="25"');
  for (const region of Object.values(regions)) expect(page).toContain(region);
});
