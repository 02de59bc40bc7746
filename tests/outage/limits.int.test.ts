/**
 * The kernel has no room for inotify: it is said with the command that makes room, and what the kernel does not tell is
 * found by looking. The limits are those of a user namespace of its own: the machine's are left alone.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Lab } from '../e2e/support/lab.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { agree } from './support/agree.ts';

const ALL = process.env.LAZYSYNC_OUTAGE === 'all';
const LIMIT = 240_000;
const FOLDERS = 12;

const limited = (name: string, to: number): readonly string[] => [
  'unshare',
  '-Ur',
  'sh',
  '-c',
  `echo ${to} > /proc/sys/user/${name} && exec "$@"`,
  'sh',
];
const [program = '', ...rest] = [...limited('max_inotify_watches', 5), 'true'];
const without = spawnSync(program, rest).status === 0 ? null : 'user namespaces can not be made here';

let lab: Lab;
const isFile = (full: string): boolean => fs.lstatSync(full, { throwIfNoEntry: false })?.isFile() ?? false;
const folders = Array.from({ length: FOLDERS }, (_, index) => `d${String(index).padStart(2, '0')}`);

interface Warned {
  readonly warnings: readonly { readonly message: string; readonly mend: string | null }[];
}
const warnings = (): Warned['warnings'] => {
  const { out } = lab.run(['status', '--json', '--local', lab.local]);
  return (JSON.parse(out) as { pairs: Warned[] }).pairs[0]?.warnings ?? [];
};

describe.skipIf(without !== null)(`inotify has no room${without === null ? '' : ` (skipped: ${without})`}`, () => {
  beforeEach(() => {
    lab = new Lab('limits');
    for (const folder of folders) {
      fs.mkdirSync(lab.r(folder));
      for (const name of ['a', 'b']) fs.writeFileSync(lab.r(folder, name), `${folder} ${name}`);
    }
  });
  afterEach(async () => {
    await lab.close();
  });

  /** In every folder, on both sides. */
  async function changesAreFound(turn: number): Promise<void> {
    for (const folder of folders) {
      fs.writeFileSync(lab.l(folder, `here-${turn}`), `made here ${turn}`);
      fs.writeFileSync(lab.r(folder, `there-${turn}`), `made there ${turn}`);
    }
    await waitFor('all of them on the other side', 60_000, () =>
      folders.every(
        (folder) =>
          isFile(lab.r(folder, `here-${turn}`)) &&
          fs.lstatSync(lab.l(folder, `there-${turn}`), { throwIfNoEntry: false }) !== undefined,
      ),
    );
  }

  test('for all watches: said before and after, looked at instead, and watched again when there is room', {
    timeout: LIMIT,
  }, async () => {
    lab.before = limited('max_inotify_watches', FOLDERS + 6);
    const isSaid = async (side: string): Promise<void> => {
      const said = await waitFor('a warning', 60_000, () => warnings()[0]);
      const message = `^The kernel does not watch \\d+ folders of ${side}: the kernel watches no further folders \\(user\\.max_inotify_watches is 18\\); looked at every few seconds instead\\.$`;
      expect(said).toEqual({
        message: expect.stringMatching(message),
        mend: 'sudo sysctl user.max_inotify_watches=524288',
      });
      expect(lab.run(['status', '--local', lab.local]).out).toMatch(
        /^warning +The kernel does not watch .* -> +sudo sysctl user\.max_inotify_watches=524288$/m,
      );
    };
    // The folders of local were made after those of the remote were watched.
    await lab.up();
    await isSaid('local');
    await changesAreFound(1);
    await lab.down();
    // Now all of local is watched, and the remote only in part: its opens are told late, but told.
    await lab.up();
    await isSaid('remote');
    await changesAreFound(2);
    for (const folder of folders) fs.readFileSync(lab.l(folder, 'a'));
    await waitFor('what was opened is here', 60_000, () => folders.every((folder) => isFile(lab.l(folder, 'a'))));

    const room = ['--user', '--target', String(lab.pid), 'sh', '-c', 'echo 10000 > /proc/sys/user/max_inotify_watches'];
    expect(spawnSync('nsenter', room).status).toBe(0);
    await waitFor('no warning', 60_000, () => warnings().length === 0);
    await changesAreFound(3);
  });

  test.runIf(ALL)('for much more: said before it is reached', { timeout: LIMIT }, async () => {
    // Both sides, and chokidar: 39 are needed.
    lab.before = limited('max_inotify_watches', 3 * (FOLDERS + 1) + 6);
    await lab.up();
    expect(await waitFor('a warning', 60_000, () => warnings()[0])).toEqual({
      message:
        '39 of the 45 watches that the kernel allows are needed (user.max_inotify_watches); above that, folders are looked at instead.',
      mend: 'sudo sysctl user.max_inotify_watches=524288',
    });
    expect(lab.err).not.toContain('watches no further');
  });

  test.runIf(ALL)('for a single instance: everything is looked at', { timeout: LIMIT }, async () => {
    lab.before = limited('max_inotify_instances', 0);
    await lab.up();
    const said = await waitFor('warnings', 60_000, () => (warnings().length > 1 ? warnings() : null));
    expect(said.map(({ mend }) => mend)).toEqual(Array(2).fill('sudo sysctl user.max_inotify_instances=512'));
    await changesAreFound(1);
    // Nobody tells of opens any more: who wants a copy asks for it.
    expect(lab.run(['get', lab.l('d00')])).toMatchObject({ code: 0 });
    expect(isFile(lab.l('d00/a'))).toBe(true);
    await agree(lab);
  });
});
