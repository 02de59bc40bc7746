import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDiskFs, type DiskFs, FsError } from '../src/index.ts';

describe.each(['local', 'mount'] as const)('disk-fs, mode %s', (mode) => {
  let base: string;
  let dir: string;
  let tree: DiskFs;

  beforeEach(() => {
    base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'disk-fs-')));
    dir = `${base}/root`;
    fs.mkdirSync(dir);
    tree = createDiskFs({ root: dir, mode });
  });
  afterEach(() => {
    tree.close();
    fs.rmSync(base, { recursive: true, force: true });
  });

  async function code(promise: Promise<unknown>): Promise<string> {
    try {
      await promise;
    } catch (error) {
      if (error instanceof FsError) return error.code;
      throw error;
    }
    return 'ok';
  }
  const write = (name: string, text: string) => fs.writeFileSync(`${dir}/${name}`, text);
  const read = (name: string) => fs.readFileSync(`${dir}/${name}`, 'utf8');

  it('makes many links of one folder, each with its atime; a name that is taken, and a folder that is none, are told', async (context) => {
    if (tree.makeLinks === undefined) {
      expect(mode).toBe('mount');
      context.skip('only next to the disk');
      return;
    }
    fs.mkdirSync(`${dir}/d`);
    write('d/taken', 'mine');
    const links = ['a', 'taken', 'b'].map((name) => ({ name, target: `/to/${name}` }));
    const [a, taken, b] = await tree.makeLinks([{ folder: 'd', links }], 7_000_000_000n);
    expect(taken).toBe('EEXIST');
    expect(read('d/taken')).toBe('mine');
    for (const [name, stat] of [['a', a] as const, ['b', b] as const]) {
      expect(fs.readlinkSync(`${dir}/d/${name}`)).toBe(`/to/${name}`);
      if (stat === undefined || typeof stat === 'string') throw new Error(`${name}: ${stat}`);
      const { ctimeNs, atimeNs, ...shown } = await tree.lstat(`d/${name}`);
      expect(stat).toMatchObject({ ...shown, atimeNs: 7_000_000_000n });
    }
    const more = await tree.makeLinks(
      ['d/a', 'nope', 'd'].map((folder) => ({ folder, links: [{ name: 'c', target: '/to/c' }] })),
      0n,
    );
    expect(more).toMatchObject(['ELOOP', 'ENOENT', { kind: 'symlink' }]);
    expect(fs.readlinkSync(`${dir}/d/c`)).toBe('/to/c');
  });

  it('tells what lstat tells, of each kind of thing', async () => {
    write('f', 'abc');
    fs.chmodSync(`${dir}/f`, 0o640);
    fs.mkdirSync(`${dir}/d`);
    fs.symlinkSync('f', `${dir}/l`);
    execFileSync('mkfifo', [`${dir}/p`]);
    const node = fs.lstatSync(`${dir}/f`, { bigint: true });
    expect(await tree.lstat('f')).toEqual({
      kind: 'file',
      size: 3,
      mode: 0o640,
      mtimeNs: node.mtimeNs,
      ctimeNs: node.ctimeNs,
      atimeNs: node.atimeNs,
      birthNs: node.birthtimeNs,
      dev: node.dev,
      ino: node.ino,
      nlink: 1,
    });
    expect((await tree.lstat('')).kind).toBe('directory');
    expect((await tree.lstat('d')).kind).toBe('directory');
    expect((await tree.lstat('l')).kind).toBe('symlink');
    expect((await tree.lstat('p')).kind).toBe('fifo');
    expect(await code(tree.lstat('nope'))).toBe('ENOENT');
    expect(await code(tree.lstat('nope/x'))).toBe('ENOENT');
    expect(await code(tree.lstat('f/x'))).toBe('ENOTDIR');
  });

  it('keeps a birth time that is neither ctime nor mtime', async () => {
    write('f', 'abc');
    const { birthNs } = await tree.lstat('f');
    fs.utimesSync(`${dir}/f`, 1, 1);
    fs.chmodSync(`${dir}/f`, 0o600);
    const stat = await tree.lstat('f');
    expect(stat.birthNs).toBe(birthNs);
    expect(stat.mtimeNs).toBe(1_000_000_000n);
    const file = await tree.openRead('f');
    expect(await file.stat()).toEqual(stat);
    await file.close();
  });

  it('follows no link on the way, in any call', async () => {
    fs.mkdirSync(`${base}/outside/sub`, { recursive: true });
    fs.writeFileSync(`${base}/outside/f`, 'secret');
    fs.symlinkSync('../outside', `${dir}/way`);
    fs.mkdirSync(`${dir}/in`);
    write('in/mine', 'x');
    const refused = [
      tree.lstat('way/f'),
      tree.readlink('way/f'),
      tree.readdir('way'),
      tree.scan('way'),
      tree.readdir('way/sub'),
      tree.mkdir('way/new', 0o755),
      tree.rmdir('way/sub'),
      tree.unlink('way/f'),
      tree.symlink('x', 'way/l'),
      tree.link('in/mine', 'way/l'),
      tree.link('way/f', 'in/l'),
      tree.rename('in/mine', 'way/l'),
      tree.rename('way/f', 'in/l'),
      tree.renameNoReplace('in/mine', 'way/l'),
      tree.exchange('in/mine', 'way/f'),
      tree.chmod('way/f', 0o600),
      tree.chmod('way', 0o700),
      tree.setMtime('way/f', 1n),
      tree.setLinkAtime('way/f', 1n),
      tree.openRead('way/f'),
      tree.create('way/new', 0o600),
      tree.openForWriting('way/f'),
    ];
    for (const got of await Promise.all(refused.map(code))) expect(['ELOOP', 'EXDEV', 'ENOTDIR']).toContain(got);
    expect(fs.readdirSync(`${base}/outside`).sort()).toEqual(['f', 'sub']);
    expect(read('in/mine')).toBe('x');
    expect(fs.statSync(`${base}/outside`).mode & 0o777).not.toBe(0o700);
  });

  it('refuses paths that no RelPath can be', async () => {
    for (const bad of ['..', 'a/../..', '/etc', 'a//b', './a', 'a/', 'a\0b']) {
      expect(await code(tree.lstat(bad))).toBe('EINVAL');
      expect(await code(tree.rename('a', bad))).not.toBe('ok');
    }
    write('..a', 'x');
    expect((await tree.lstat('..a')).kind).toBe('file');
  });

  it('makes, links, renames and removes', async () => {
    await tree.mkdir('d', 0o755);
    expect(await code(tree.mkdir('d', 0o755))).toBe('EEXIST');
    const file = await tree.create('d/f', 0o600);
    await file.write(Buffer.from('hello'), 0);
    await file.write(Buffer.from('J'), 0);
    await file.setMtime(1_234_567_890_123_456_789n);
    await file.chmod(0o644);
    await file.sync();
    expect(await file.stat()).toMatchObject({ size: 5, mode: 0o644, mtimeNs: 1_234_567_890_123_456_789n });
    await file.truncate(4);
    await file.close();
    await file.close();
    expect(read('d/f')).toBe('Jell');
    expect(await code(tree.create('d/f', 0o600))).toBe('EEXIST');
    await tree.link('d/f', 'g');
    expect(await code(tree.link('d/f', 'g'))).toBe('EEXIST');
    expect((await tree.lstat('g')).nlink).toBe(2);
    expect(await code(tree.renameNoReplace('g', 'd/f'))).toBe('EEXIST');
    await tree.renameNoReplace('g', 'h');
    write('i', 'other');
    await tree.exchange('h', 'i');
    expect([read('h'), read('i')]).toEqual(['other', 'Jell']);
    await tree.rename('h', 'i');
    expect(read('i')).toBe('other');
    expect(await code(tree.exchange('i', 'nope'))).toBe('ENOENT');
    expect(await code(tree.rmdir('d'))).toBe('ENOTEMPTY');
    expect(await code(tree.unlink('d'))).toMatch(/EISDIR|EPERM/);
    await tree.unlink('d/f');
    await tree.syncDirectory('d');
    await tree.syncDirectory('');
    await tree.rmdir('d');
    expect(await code(tree.unlink('d'))).toBe('ENOENT');
    expect(await code(tree.rmdir('i'))).toBe('ENOTDIR');
    expect(await code(tree.create('x'.repeat(300), 0o600))).toBe('ENAMETOOLONG');
    expect(fs.readdirSync(dir)).toEqual(['i']);
  });

  it('reads and makes links, and touches their own times only', async () => {
    await tree.symlink('/nowhere/at all', 'l');
    expect(await tree.readlink('l')).toBe('/nowhere/at all');
    expect(await code(tree.symlink('x', 'l'))).toBe('EEXIST');
    write('f', 'x');
    expect(await code(tree.readlink('f'))).toBe('EINVAL');
    await tree.unlink('l');
    await tree.symlink('f', 'l');
    expect(await tree.readlink('l')).toBe('f');
    const before = await tree.lstat('f');
    const mtimeNs = (await tree.lstat('l')).mtimeNs;
    await tree.setLinkAtime('l', 946_684_800_000_000_000n);
    expect(await tree.lstat('l')).toMatchObject({ atimeNs: 946_684_800_000_000_000n, mtimeNs });
    await tree.setMtime('l', 5n);
    expect((await tree.lstat('l')).mtimeNs).toBe(5n);
    expect(await tree.lstat('f')).toEqual(before);
    expect(await code(tree.chmod('l', 0o600))).toBe('ELOOP');
    await tree.chmod('f', 0o600);
    expect((await tree.lstat('f')).mode).toBe(0o600);
    expect(await code(tree.setMtime('nope', 5n))).toBe('ENOENT');
  });

  it.runIf(mode === 'local')('does not move the atime of a link that it has read or made before', async () => {
    const armed = 946_684_800_000_000_000n;
    fs.symlinkSync('a', `${dir}/theirs`);
    await tree.symlink('b', 'ours');
    expect(await tree.readlink('theirs')).toBe('a');
    await tree.setLinkAtime('theirs', armed);
    await tree.setLinkAtime('ours', armed);
    expect([await tree.readlink('theirs'), await tree.readlink('ours')]).toEqual(['a', 'b']);
    expect((await tree.lstat('theirs')).atimeNs).toBe(armed);
    expect((await tree.lstat('ours')).atimeNs).toBe(armed);
    fs.symlinkSync('c', `${dir}/tmp`);
    fs.renameSync(`${dir}/tmp`, `${dir}/theirs`);
    expect(await tree.readlink('theirs')).toBe('c');
  });

  it('opens regular files only, and never waits for a pipe', async () => {
    write('f', 'abc');
    fs.mkdirSync(`${dir}/d`);
    fs.symlinkSync('f', `${dir}/l`);
    execFileSync('mkfifo', [`${dir}/p`]);
    expect(await code(tree.openRead('d'))).toBe('EISDIR');
    expect(await code(tree.openRead('l'))).toBe('ELOOP');
    expect(await code(tree.openRead('p'))).toBe('ENXIO');
    expect(await code(tree.openRead('nope'))).toBe('ENOENT');
    const file = await tree.openRead('f');
    const into = Buffer.alloc(8);
    expect(await file.read(into, 1)).toBe(2);
    expect(into.subarray(0, 2).toString()).toBe('bc');
    expect(await file.read(into, 3)).toBe(0);
    expect(await code(file.write(Buffer.from('x'), 0))).toBe('EBADF');
    await file.close();
  });

  it('tells names that are not UTF-8 by an escape', async () => {
    fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/bad`), Buffer.from([0xff, 0xfe])]), 'x');
    write('honest\ufffd', 'x');
    write('grün', 'x');
    const names = [...(await tree.readdir(''))].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(names).toEqual([
      { name: 'bad\\xff\\xfe', utf8: false },
      { name: 'grün', utf8: true },
      { name: 'honest\ufffd', utf8: true },
    ]);
    const scanned = (await tree.scan('')).names();
    expect(scanned.find((one) => !one.utf8)?.seen).toBe('EILSEQ');
    expect(scanned.filter((one) => typeof one.seen !== 'string')).toHaveLength(2);
    fs.symlinkSync(Buffer.from([0xff]), `${dir}/l`);
    expect(await code(tree.readlink('l'))).toBe('EILSEQ');
  });

  it('knows whether somebody writes', async () => {
    write('f', 'abc');
    expect(await tree.openForWriting('f')).toBe('no');
    const child = spawn('bash', ['-c', `exec 3>>"${dir}/f"; echo open; read x`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(await tree.openForWriting('f')).toBe('yes');
    child.stdin.end('\n');
    await once(child, 'exit');
    expect(await tree.openForWriting('f')).toBe('no');
    expect(await code(tree.openForWriting('nope'))).toBe('ENOENT');
  });

  it('never takes another folder at the root for its own', async () => {
    write('f', 'abc');
    await tree.lstat('f');
    tree.close();
    fs.renameSync(dir, `${dir}.away`);
    expect(await code(tree.lstat('f'))).toBe('ESTALE');
    expect(await code(tree.lstat(''))).toBe('ESTALE');
    fs.mkdirSync(dir);
    expect(await code(tree.lstat('f'))).toBe('ESTALE');
    expect(await code(tree.readdir(''))).toBe('ESTALE');
    expect(await code(tree.create('g', 0o600))).toBe('ESTALE');
    await tree.root.renew();
    expect(await code(tree.lstat('f'))).toBe('ENOENT');
    tree.root.distrust();
    expect(await code(tree.lstat('f'))).toBe('ESTALE');
    fs.rmdirSync(dir);
    fs.symlinkSync(`${dir}.away`, dir);
    expect(await code(tree.root.renew())).toBe('ESTALE');
    fs.unlinkSync(dir);
    fs.renameSync(`${dir}.away`, dir);
    await tree.root.renew();
    expect((await tree.lstat('f')).size).toBe(3);
  });

  it('lets go of the root when it is at rest', async () => {
    await tree.lstat('');
    const held = () =>
      fs.readdirSync('/proc/self/fd').some((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`) === dir;
        } catch {
          return false; // closed meanwhile
        }
      });
    expect(held()).toBe(true);
    const until = performance.now() + 5000;
    while (held() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(held()).toBe(false);
    expect((await tree.lstat('')).kind).toBe('directory');
  });

  it('does many calls at once without losing descriptors', async () => {
    fs.mkdirSync(`${dir}/a/b`, { recursive: true });
    for (let i = 0; i < 100; i++) write(`a/b/${i}`, String(i));
    const before = fs.readdirSync('/proc/self/fd').length;
    const sizes = await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        if (i % 5 === 4) return code(tree.lstat(`a/nope/${i}`));
        const file = await tree.openRead(`a/b/${i % 100}`);
        const into = Buffer.alloc(8);
        const bytes = await file.read(into, 0);
        await file.close();
        return into.subarray(0, bytes).toString();
      }),
    );
    expect(sizes).toEqual(sizes.map((_, i) => (i % 5 === 4 ? 'ENOENT' : String(i % 100))));
    tree.close();
    expect(fs.readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
  });

  it.runIf(process.getuid?.() !== 0)('says EACCES where it may not', async () => {
    fs.mkdirSync(`${dir}/closed`, { mode: 0 });
    expect(await code(tree.lstat('closed/x'))).toBe('EACCES');
    expect(await code(tree.readdir('closed'))).toBe('EACCES');
    fs.chmodSync(`${dir}/closed`, 0o700);
  });
});

it('a file that could not be opened for want of descriptors leaves none behind', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-few-'));
  fs.writeFileSync(path.join(folder, 'f'), 'f');
  const source = `
import fs from 'node:fs';
import { createDiskFs } from ${JSON.stringify(new URL('../src/disk-fs.ts', import.meta.url).href)};
const open = () => fs.readdirSync('/proc/self/fd').length;
const said = [];
for (let spare = 0; spare < 8; spare++) {
  const disk = createDiskFs({ root: ${JSON.stringify(folder)}, mode: 'mount' });
  const before = open();
  const taken = [];
  try { for (;;) taken.push(fs.openSync('/dev/null')); } catch {}
  for (const fd of taken.splice(0, spare)) fs.closeSync(fd);
  let how = 'opened';
  try { await (await disk.openRead('f')).close(); } catch (error) { how = error.code; }
  disk.close();
  for (const fd of taken) fs.closeSync(fd);
  said.push([how, open() - before]);
}
console.log(JSON.stringify(said));
`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source];
  const ran = spawnSync('sh', ['-c', 'ulimit -n 64 && exec "$0" "$@"', process.execPath, ...args], {
    encoding: 'utf8',
  });
  fs.rmSync(folder, { recursive: true });
  expect(ran.stderr).toBe('');
  const said = JSON.parse(ran.stdout) as [string, number][];
  expect(new Set(said.map(([how]) => how))).toEqual(new Set(['EMFILE', 'opened']));
  expect(said.map(([, left]) => left)).toEqual(said.map(() => 0));
});
