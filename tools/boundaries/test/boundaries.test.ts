import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const pure = ['event-model', 'action-table'];
const io = ['ops', 'base', 'replica', 'queue', 'watch', 'config'];

/** Which siblings a lib may name. Apps may name every lib, and never an app. */
const allowedInLib: Record<string, readonly string[]> = {
  'event-model': [],
  'action-table': ['event-model'],
  ops: ['event-model', 'action-table'],
  ...Object.fromEntries(io.filter((lib) => lib !== 'ops').map((lib) => [lib, ['ops', ...pure]])),
  // Above the I/O rooms: reads the base, the queue and the configuration, and writes nothing.
  status: ['event-model', 'ops', 'base', 'queue', 'config'],
};

/** Modules that have one home; a path that ends in `/` is a folder. */
const homes: Record<string, string> = {
  bullmq: 'libs/queue/src/',
  ioredis: 'libs/queue/src/',
  chokidar: 'libs/watch/src/',
  koffi: 'libs/ops/src/libc.ts',
  'node:sqlite': 'libs/base/src/',
};

type Manifest = { name: string } & Partial<
  Record<'dependencies' | 'devDependencies' | 'optionalDependencies' | 'peerDependencies', Record<string, string>>
>;

const readJson = <T>(file: string): T => JSON.parse(readFileSync(join(root, file), 'utf8')) as T;

const packages = globSync('{apps,libs,tools}/*/package.json', { cwd: root }).map((file) => {
  const manifest = readJson<Manifest>(file);
  const names = Object.keys({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  });
  const [kind = '', folder = ''] = file.split('/');
  const siblings = names.filter((n) => n.startsWith('@lazysync/')).map((n) => n.slice('@lazysync/'.length));
  return { kind, folder, name: manifest.name, names, siblings };
});
const libs = packages.filter((p) => p.kind === 'libs');
const apps = packages.filter((p) => p.kind === 'apps');

function importsOf(source: string): string[] {
  const form = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\(|\bgetBuiltinModule\s*\()\s*(['"`])([^'"`]+)\1/g;
  return [...source.matchAll(form)].map((m) => m[2] as string);
}

const imports = globSync('{apps,libs,tools}/*/{src,test}/**/*.{ts,mts,js,mjs}', { cwd: root }).flatMap((file) =>
  importsOf(readFileSync(join(root, file), 'utf8')).map((specifier) => ({ file, specifier })),
);
const isOf = (module: string, specifier: string) => specifier === module || specifier.startsWith(`${module}/`);

test('every package is named after its folder and every lib has its place in the order', () => {
  expect(packages.map((p) => p.name)).toEqual(packages.map((p) => `@lazysync/${p.folder}`));
  expect(libs.map((p) => p.folder).sort()).toEqual(Object.keys(allowedInLib).sort());
  expect(apps.length).toBeGreaterThan(0);
});

test.each(libs)('libs/$folder names only what lies below it', ({ folder, siblings }) => {
  expect(siblings.filter((s) => !allowedInLib[folder]?.includes(s))).toEqual([]);
});

test.each(apps)('apps/$folder names libs only, never an app', ({ siblings }) => {
  expect(siblings.filter((s) => !libs.some((lib) => lib.folder === s))).toEqual([]);
});

test.each(pure)('libs/%s is pure: no dependency from outside and no types of a platform', (folder) => {
  expect(libs.find((p) => p.folder === folder)?.names.filter((n) => !n.startsWith('@lazysync/'))).toEqual([]);
  const { compilerOptions } = readJson<{ compilerOptions: { types?: string[]; lib?: string[] } }>(
    `libs/${folder}/tsconfig.json`,
  );
  expect(compilerOptions.types).toEqual([]);
  expect(compilerOptions.lib).toBeUndefined();
});

test.each(Object.entries(homes))('%s appears only in %s', (module, home) => {
  const strays = imports
    .filter(({ file, specifier }) => file.includes('/src/') && isOf(module, specifier))
    .filter(({ file }) => (home.endsWith('/') ? !file.startsWith(home) : file !== home));
  expect(strays).toEqual([]);
  const owners = packages.filter((p) => p.names.includes(module)).map((p) => p.folder);
  expect(owners).toEqual(module.startsWith('node:') ? [] : [home.split('/')[1]]);
});

test('relative imports stay inside their package', () => {
  const wrong = imports.filter(({ file, specifier }) => {
    if (!specifier.startsWith('.')) return false;
    const own = join(root, ...file.split('/').slice(0, 2));
    return relative(own, resolve(root, dirname(file), specifier)).startsWith('..');
  });
  expect(wrong).toEqual([]);
});

test('the search for imports sees every form of them', () => {
  const source = [
    `import { Queue } from 'bullmq';`,
    `import "ioredis";`,
    `export * from 'chokidar/handler.js';`,
    `const k = await import('koffi');`,
    `const s = process.getBuiltinModule('node:sqlite');`,
    `const mode = 'chokidar';`,
  ].join('\n');
  expect(importsOf(source)).toEqual(['bullmq', 'ioredis', 'chokidar/handler.js', 'koffi', 'node:sqlite']);
  expect(isOf('chokidar', 'chokidar/handler.js')).toBe(true);
});
