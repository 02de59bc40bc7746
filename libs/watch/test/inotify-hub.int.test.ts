import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RelPath } from '@lazysync/event-model';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { HintListener, HintSource } from '../src/hint.ts';
import { createInotifyHub, type InotifyHub } from '../src/inotify-hub.ts';
import { createInotifySource } from '../src/inotify-source.ts';

let folder: string;
const sources: HintSource[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lazysync-hub-'));
});
afterEach(async () => {
  await Promise.all(sources.splice(0).map((one) => one.stop()));
  rmSync(folder, { recursive: true, force: true });
});

class Heard implements HintListener {
  readonly hints: string[] = [];
  readonly opened: string[] = [];
  readonly lost: string[] = [];
  onHint({ path }: { readonly path: RelPath }): void {
    this.hints.push(path);
  }
  onOpen(path: RelPath): void {
    this.opened.push(path);
  }
  onLost({ kind }: { readonly kind: string }): void {
    this.lost.push(kind);
  }
}

async function watch(hub: InotifyHub, root: string, mount: boolean): Promise<{ heard: Heard; source: HintSource }> {
  const heard = new Heard();
  const source = createInotifySource({ root, side: 'remote', mount, listener: heard, hub });
  sources.push(source);
  await source.start();
  return { heard, source };
}

test('many trees on one instance: each hears of its own, and one that is closed of nothing more', async () => {
  const hub = createInotifyHub(1);
  const roots = Array.from({ length: 5 }, (_, at) => join(folder, `t${at}`));
  for (const root of roots) mkdirSync(join(root, 'sub'), { recursive: true });
  const all = await Promise.all(roots.map((root, at) => watch(hub, root, at % 2 === 0)));
  await all[0]?.source.rewatch(['sub' as RelPath]);
  for (const [at, root] of roots.entries()) writeFileSync(join(root, `f${at}`), 'x');
  for (const [at, { heard }] of all.entries()) await vi.waitUntil(() => heard.hints.includes(`f${at}`));
  for (const [at, { heard }] of all.entries()) expect(new Set(heard.hints)).toEqual(new Set([`f${at}`]));
  const [closed, ...others] = all;
  await closed?.source.stop();
  const before = closed?.heard.hints.length;
  for (const root of roots) writeFileSync(join(root, 'later'), 'x');
  for (const { heard } of others) await vi.waitUntil(() => heard.hints.includes('later'));
  expect(closed?.heard.hints.length).toBe(before);
});

test.each([true, false])(
  'two trees that show the same folder both hear of it, to the end (mount: %s)',
  async (mount) => {
    const hub = createInotifyHub(1);
    const root = join(folder, 'shared');
    mkdirSync(join(root, 'sub'), { recursive: true });
    const a = await watch(hub, root, mount);
    const b = await watch(hub, root, mount);
    for (const { source } of [a, b]) await source.rewatch(['sub' as RelPath]);
    const make = async (name: string, ears: readonly { readonly heard: Heard }[]): Promise<void> => {
      writeFileSync(join(root, 'sub', name), 'x');
      for (const { heard } of ears) await vi.waitUntil(() => heard.hints.includes(`sub/${name}`));
      readFileSync(join(root, 'sub', name));
      for (const { heard } of ears) await vi.waitUntil(() => heard.opened.includes(`sub/${name}`));
    };
    await make('one', [a, b]);
    await a.source.stop();
    const before = a.heard.hints.length;
    await make('two', [b]);
    expect(a.heard.hints.length).toBe(before);
  },
);

test('a burst of more than the kernel keeps is taken over before it is dealt with', async () => {
  const { heard } = await watch(createInotifyHub(), folder, false);
  const { onHint } = heard;
  // Each takes its time: most of them come while others are dealt with.
  heard.onHint = (hint) => {
    for (const end = performance.now() + 0.3; performance.now() < end; );
    onHint.call(heard, hint);
  };
  const source = `
    const fs = require('node:fs');
    let made = 0;
    const some = () => {
      for (let i = 0; i < 100; i++) fs.writeFileSync(${JSON.stringify(folder)} + '/f' + made++, 'x');
      if (made < 10_000) setTimeout(some, 10);
    };
    some();`;
  const maker = spawn(process.execPath, ['-e', source], { stdio: 'inherit' });
  await new Promise((resolve) => maker.once('exit', resolve));
  await vi.waitUntil(() => heard.hints.includes('f9999'), { timeout: 60_000 });
  expect(heard.lost).toEqual([]);
  expect(new Set(heard.hints).size).toBe(10_000);
}, 90_000);
