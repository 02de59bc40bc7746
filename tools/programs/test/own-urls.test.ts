import { expect, test } from 'vitest';
import { withOwnUrls } from '../src/own-urls.ts';

test('a program that another one starts is looked for among the bundles', () => {
  expect(withOwnUrls('apps/watcher/src/main.ts', "a(new URL('../../endpoint/src/main.ts', import.meta.url))")).toBe(
    "a(new URL('./apps/endpoint/src/main.mjs', import.meta.url))",
  );
});

test('what is run from its source, and folders, are looked for among the sources, two folders up', () => {
  expect(withOwnUrls('apps/cli/src/places.ts', "new URL('../../dashboard/src/main.ts', import.meta.url)")).toBe(
    "new URL('../../apps/dashboard/src/main.ts', import.meta.url)",
  );
  expect(withOwnUrls('apps/cli/src/commands/init.ts', "new URL('../../../../', import.meta.url)")).toBe(
    "new URL('../../', import.meta.url)",
  );
});

test('packages may be asked for', () => {
  const code = "createRequire(import.meta.url)('pino-pretty')";
  expect(withOwnUrls('libs/ops/src/logger.ts', code)).toBe(code);
});

test('whatever would be wrong in a bundle ends it', () => {
  expect(() => withOwnUrls('apps/cli/src/a.ts', "new URL('./unknown.ts', import.meta.url)")).toThrow(/in no list/);
  for (const code of [
    'import.meta.dirname',
    'import.meta.main',
    'f(import.meta.url)',
    'new URL(`./${x}`, import.meta.url)',
  ])
    expect(() => withOwnUrls('apps/cli/src/a.ts', code)).toThrow(/its own place/);
});
