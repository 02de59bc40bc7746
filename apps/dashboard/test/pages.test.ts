import { expect, test } from 'vitest';
import { bytes, count, duration, patternOf } from '../page/words.ts';
import { readAssets } from '../src/assets.ts';
import { withoutOtherHosts } from '../src/board.ts';

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
  expect([0, 59_400, 60_000, 7_200_000, 200_000_000].map(duration)).toEqual(['0 s', '59 s', '1 min', '2 h', '2 d']);
});

test('a pattern for one path means this path only', () => {
  expect(patternOf('a*b[1].txt', false)).toBe('/a\\*b\\[1\\].txt');
  expect(patternOf('dir', true)).toBe('/dir/');
  expect(patternOf('end ', false)).toBe('/end\\ ');
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

test('what the pages load lies here, and holds no types any more', async () => {
  const { files } = await readAssets();
  for (const [name, { body }] of files) {
    if (name.endsWith('.html')) {
      for (const [, wanted = ''] of body.matchAll(/(?:src|href)="\/assets\/([^"]+)"/g))
        expect([name, wanted, files.has(wanted)]).toEqual([name, wanted, true]);
      expect(body).not.toMatch(/<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=/);
    }
    if (!name.endsWith('.ts')) continue;
    expect(body).not.toMatch(/^(?:export )?interface |^import type/m);
    for (const [, wanted = ''] of body.matchAll(/from '\.\/([^']+)'/g))
      expect([name, wanted, files.has(wanted)]).toEqual([name, wanted, true]);
  }
});
