import { homedir } from 'node:os';
import { type Loaded, loadConfig, parseConfig } from '@lazysync/config/load';
import { defaultSettings } from '@lazysync/config/schema';
import { expect, test } from 'vitest';

const read = (text: string): Loaded => parseConfig(text, '/etc/lazysync.yaml');
const faults = (text: string): readonly string[] => {
  const loaded = read(text);
  return loaded.kind === 'refused' ? loaded.messages : [];
};

test('the example of the documentation', () => {
  const loaded = read(`
# lazysync.yaml
redis: redis://127.0.0.1:6379        # left out: embedded
pairs:
  - id: projects
    remote: /mnt/nas/projects
    local: ~/projects
    ignore: ["*.tmp", "build/"]
    hydrate: { on: open, maxSize: 2GiB, again: 5m }   # open | close | never | always
    scan: { remote: auto }                 # or a fixed interval, e.g. 2s
    watch: { local: auto }                 # auto | chokidar | inotify
    width: 1
    inlineLimit: 8MiB
    replace: capture
    trash: { keep: 30d, maxSize: 10GiB, overwritten: on }
`);
  expect(loaded).toEqual({
    kind: 'loaded',
    redis: 'redis://127.0.0.1:6379',
    pairs: [
      {
        id: 'projects',
        remote: '/mnt/nas/projects',
        local: `${homedir()}/projects`,
        settings: {
          ignore: ['*.tmp', 'build/'],
          hydrate: {
            on: 'open',
            maxSize: 2 * 2 ** 30,
            again: 300_000,
            prefetch: { files: 0, size: 2 ** 28, perHour: 2 ** 30 },
          },
          scan: { remote: 'auto' },
          watch: { local: 'auto' },
          width: 1,
          inlineLimit: 8 * 2 ** 20,
          limit: { down: Infinity, up: Infinity },
          minFree: 0,
          replace: 'capture',
          trash: { keep: 30 * 86_400_000, maxSize: 10 * 2 ** 30, overwritten: true },
          settle: 200,
        },
      },
    ],
  });
});

test('what is left out has its default, and relative folders begin at the file', () => {
  const loaded = read('pairs: [{ remote: r, local: ../l }]');
  expect(loaded).toEqual({
    kind: 'loaded',
    redis: undefined,
    pairs: [{ id: undefined, remote: '/etc/r', local: '/l', settings: defaultSettings() }],
  });
});

test.each([
  ['pairs:\n  - remote: /r\n    local: [', /^\/etc\/lazysync\.yaml:3:\d+: .+\.$/],
  ['pairs:\n\t- a', /^\/etc\/lazysync\.yaml:2:1: .+\.$/],
  ['', /^\/etc\/lazysync\.yaml:1:1: The file must be settings: "pairs:" and a list of pairs\.$/],
  ['pairs: []', /:1:8: pairs must name at least one pair\.$/],
  ['pairs: 7', /:1:8: pairs must be a list of pairs\.$/],
  ['pairs:\n  - remote: /r', /:2:5: pairs\[0\]\.local must be a folder\.$/],
  ['pairs:\n  - { remote: /r, local: "" }', /:2:26: pairs\[0\]\.local must be a folder\.$/],
  ['pairs:\n  - { remote: /r, local: /l }\nredist: x', /:3:1: "redist" is not a known setting\.$/],
  [
    'pairs:\n  - remote: /r\n    local: /l\n    hydrate:\n      on: sometimes',
    /:5:11: pairs\[0\]\.hydrate\.on must be one of open, close, never, always\.$/,
  ],
  [
    'pairs:\n  - remote: /r\n    local: /l\n    hydrate: { onn: open }',
    /:4:16: pairs\[0\]\.hydrate: "onn" is not a known setting\.$/,
  ],
  [
    'pairs:\n  - remote: /r\n    local: /l\n    inlineLimit: lots',
    /:4:18: pairs\[0\]\.inlineLimit must be a size such as 512KiB, 8MiB, 2GB or Infinity\.$/,
  ],
  [
    'pairs:\n  - remote: /r\n    local: /l\n    scan: { remote: often }',
    /:4:21: pairs\[0\]\.scan\.remote must be a duration such as 200ms, 2s, 5m or 30d\.$/,
  ],
  [
    'pairs:\n  - remote: /r\n    local: /l\n    replace: sometimes',
    /:4:14: pairs\[0\]\.replace must be one of rename, capture\.$/,
  ],
  [
    'pairs:\n  - remote: /r\n    local: /l\n    width: 1.5',
    /:4:12: pairs\[0\]\.width must be a whole number from 1 to 64\.$/,
  ],
  ['pairs:\n  - id: A b\n    remote: /r\n    local: /l', /:2:9: pairs\[0\]\.id must be up to 63 of .*\.$/],
  [
    'pairs:\n  - { id: a, remote: /r, local: /l }\n  - { id: a, remote: /r, local: /m }',
    /:3:11: The id "a" is given to two pairs; every pair needs its own\.$/,
  ],
])('%j is refused with its place', (text, sentence) => {
  const [first, ...more] = faults(text);
  expect(first).toMatch(sentence);
  expect(first).not.toContain('\n');
  expect(more).toEqual([]);
});

test('a file that can not be read is one sentence, too', () => {
  expect(loadConfig('/nowhere/lazysync.yaml')).toEqual({
    kind: 'refused',
    messages: ['The configuration /nowhere/lazysync.yaml can not be read: it does not exist.'],
  });
});
