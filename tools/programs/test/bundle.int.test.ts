/** The launcher bundles once, again when a source has changed, and runs the sources where it can not. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundleOf, PROGRAMS } from '../src/programs.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let top: string;
/** Looks as if it were the command of one of the versions. */
let running: ReturnType<typeof spawn> | null = null;
beforeEach(() => {
  top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-programs-')));
  // The repository as a user has it, with the packages of this one.
  for (const name of ['apps', 'libs', 'tools', 'package.json', 'package-lock.json', 'tsconfig.base.json', 'lazysync'])
    fs.cpSync(path.join(ROOT, name), path.join(top, name), { recursive: true });
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(top, 'node_modules'));
});
afterEach(() => {
  running?.kill();
  running = null;
  fs.rmSync(top, { recursive: true });
});

function run(...args: string[]): { readonly out: string; readonly err: string; readonly code: number | null } {
  const { LAZYSYNC_PROGRAMS: _, ...env } = process.env;
  const { stdout, stderr, status } = spawnSync(path.join(top, 'lazysync'), args, {
    encoding: 'utf8',
    env: { ...env, XDG_STATE_HOME: top },
  });
  return { out: stdout, err: stderr, code: status };
}
const bundles = (): string[] => {
  const dist = path.join(top, 'dist');
  return fs.existsSync(dist) ? fs.readdirSync(dist).sort() : [];
};

test('made once, and again after a change; what still runs keeps its own; the rest is not kept for ever', () => {
  expect(run('--version')).toMatchObject({ out: '0.1.0\n', err: expect.stringContaining('programs'), code: 0 });
  const [first = ''] = bundles();
  for (const file of Object.values(PROGRAMS))
    expect(fs.existsSync(path.join(top, 'dist', first, bundleOf(file)))).toBe(true);
  // What other tools write beside the sources is none.
  fs.writeFileSync(path.join(top, 'apps/cli/tsconfig.tsbuildinfo'), '{}');
  expect(run('--version')).toEqual({ out: '0.1.0\n', err: '', code: 0 });
  expect(bundles()).toEqual([first]);

  const cli = path.join(top, 'apps/cli/src/cli.ts');
  for (const version of ['0.1.1', '0.1.2', '0.1.3', '0.1.4', '0.1.5']) {
    fs.writeFileSync(cli, fs.readFileSync(cli, 'utf8').replace(/'0\.1\.\d'/, `'${version}'`));
    expect(run('--version')).toMatchObject({ out: `${version}\n`, code: 0 });
    const [second = ''] = bundles().filter((name) => name !== first);
    if (version === '0.1.1')
      running = spawn('sleep', ['60'], { argv0: path.join(top, 'dist', second, bundleOf(PROGRAMS.cli)) });
  }
  // Three of those that were made last, and the one that is in use.
  expect(bundles()).toHaveLength(4);
  expect(bundles()).not.toContain(first);
}, 120_000);

test('what can not be bundled is run from its source, and that is said', () => {
  const cli = path.join(top, 'apps/cli/src/cli.ts');
  fs.appendFileSync(cli, '\nexport const HERE = import.meta.dirname;\n');
  const ran = run('--version');
  expect(ran).toMatchObject({ out: '0.1.0\n', code: 0 });
  expect(ran.err).toMatch(/not bundled .*cli\.ts asks for its own place/);
  expect(bundles()).toEqual([]);
  // The bundler itself does not start.
  fs.writeFileSync(path.join(top, 'tools/programs/src/main.ts'), "import 'no-such-package';\n");
  expect(run('--version')).toMatchObject({
    out: '0.1.0\n',
    err: expect.stringMatching(/not bundled \(Error .*no-such-package/),
    code: 0,
  });
}, 60_000);

test('two at once', async () => {
  const { LAZYSYNC_PROGRAMS: _, ...env } = process.env;
  const ended = [1, 2, 3].map(
    () =>
      new Promise<number | null>((resolve) =>
        spawn(path.join(top, 'lazysync'), ['--version'], { env, stdio: 'ignore' }).on('exit', resolve),
      ),
  );
  expect(await Promise.all(ended)).toEqual([0, 0, 0]);
  expect(bundles()).toHaveLength(1);
}, 60_000);
