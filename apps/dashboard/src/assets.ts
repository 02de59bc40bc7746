/**
 * The pages and what they load, read once at the start. The scripts are TypeScript: their types are taken out as they
 * are read, so there is nothing to be built.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';

const ROOT = join(import.meta.dirname, '..');
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  ts: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  html: 'text/html',
};

export interface Assets {
  /** What lies at /assets/NAME. */
  readonly files: ReadonlyMap<string, Asset>;
  page(name: 'overview' | 'pair' | 'tree' | 'login'): string;
}

interface Asset {
  readonly type: string;
  readonly body: string;
}

export async function readAssets(): Promise<Assets> {
  const files = new Map<string, Asset>();
  const put = (name: string, body: string): void => {
    const type = `${TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'text/plain'}; charset=utf-8`;
    files.set(name, { type, body });
  };
  for (const name of await readdir(join(ROOT, 'public'))) put(name, await readFile(join(ROOT, 'public', name), 'utf8'));
  for (const name of await readdir(join(ROOT, 'page'))) {
    if (!name.endsWith('.ts') || name.endsWith('.d.ts')) continue;
    put(name, stripTypeScriptTypes(await readFile(join(ROOT, 'page', name), 'utf8')));
  }
  const uplot = createRequire(import.meta.url)
    .resolve('uplot/package.json')
    .replace(/package\.json$/, 'dist/');
  put('uplot.js', await readFile(join(uplot, 'uPlot.esm.js'), 'utf8'));
  put('uplot.css', await readFile(join(uplot, 'uPlot.min.css'), 'utf8'));
  return {
    files,
    page: (name) => {
      const found = files.get(`${name}.html`);
      if (found === undefined) throw new Error(`no page ${name}`);
      return found.body;
    },
  };
}

export function registerPages(server: FastifyInstance, assets: Assets, hasPair: (id: string) => boolean): void {
  const html = 'text/html; charset=utf-8';
  server.get('/', async (_request, reply) => reply.type(html).send(assets.page('overview')));
  for (const [path, name] of [
    ['/pairs/:pair', 'pair'],
    ['/pairs/:pair/tree', 'tree'],
  ] as const) {
    server.get<{ Params: { pair: string } }>(path, async (request, reply) => {
      if (!hasPair(request.params.pair)) return reply.callNotFound();
      return reply.type(html).send(assets.page(name));
    });
  }
  server.get('/favicon.ico', async (_request, reply) => reply.redirect('/assets/icon.svg', 308));
  for (const [name, { type, body }] of assets.files) {
    if (name.endsWith('.html')) continue;
    server.get(`/assets/${name}`, async (_request, reply) => reply.type(type).send(body));
  }
}
