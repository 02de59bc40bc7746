/** A replace that broke off: whatever state it left behind, recovery ends in one of two: the old version or the new. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type RelPath, relPath, type Step } from '@lazysync/event-model';
import { systemClock } from '@lazysync/ops';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDiskFs } from '../src/disk-fs.ts';
import type { FsPort } from '../src/fs-port.ts';
import { FsError } from '../src/fs-port.ts';
import type { Order, Replica } from '../src/replica.ts';
import { createReplica } from '../src/replica-on.ts';
import { uploadStagePath } from '../src/tree-context.ts';

const SLOT = '20260102t030405-abc123-1';
const OLD = new Date('2020-02-03T04:05:06.789Z');
const NEW = new Date('2021-02-03T04:05:06.789Z');

let top: string;
let remote: Replica;
let disk: ReturnType<typeof createDiskFs>;
/** What the mount can not do. */
let lacks: Readonly<Record<string, string>> = {};

const at = (...rel: string[]): string => path.join(top, 'remote', ...rel);
const stage = (): string => at(uploadStagePath(SLOT));
/** Files in the stage folder, at any depth. */
const staged = (): string[] =>
  fs
    .readdirSync(at('.lazysync/stage'), { recursive: true, encoding: 'utf8' })
    .filter((name) => !fs.lstatSync(at('.lazysync/stage', name)).isDirectory());
const trashed = (slot = SLOT): string => at('.lazysync/trash', slot, 'f');

beforeEach(() => {
  lacks = {};
  top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-replace-')));
  for (const root of ['local', 'remote'])
    for (const folder of ['stage', 'trash'])
      fs.mkdirSync(path.join(top, root, '.lazysync', folder), { recursive: true });
  disk = createDiskFs({ root: path.join(top, 'remote'), mode: 'mount' });
  const refusing = new Proxy(disk, {
    get: (target, key: keyof FsPort) => {
      const code = lacks[key];
      return code === undefined ? target[key] : () => Promise.reject(new FsError(code, key, ''));
    },
  });
  remote = createReplica({
    side: 'remote',
    fs: refusing,
    peer: createDiskFs({ root: path.join(top, 'local'), mode: 'local' }),
    anchors: () => [path.join(top, 'local/.lazysync/remote')],
    clock: systemClock,
    parallel: 1,
    exact: false,
    root: { prepare: () => Promise.reject(new Error('not used')), check: async () => ({ kind: 'ok' }) },
    close: async () => undefined,
  });
});
afterEach(() => {
  disk.close();
  fs.rmSync(top, { recursive: true, force: true });
});

function write(full: string, text: string, when: Date): void {
  fs.mkdirSync(path.dirname(full), { recursive: true });
  fs.writeFileSync(full, text);
  fs.utimesSync(full, when, when);
}

async function statOf(full: string) {
  const [entry] = await remote.look([path.relative(at(), full) as RelPath]);
  if (entry?.kind !== 'file') throw new Error(`${full} is ${entry?.kind}`);
  return entry;
}

/** The journaled order of a replace of `one` by `two`, with both where they lie before it begins. */
async function begun(
  capture: boolean,
  texts: readonly [string, string] = ['one', 'two two'],
  when = NEW,
): Promise<Order> {
  write(at('f'), texts[0], OLD);
  write(stage(), texts[1], when);
  const content = await statOf(stage());
  const step: Step = {
    kind: 'upload',
    side: 'remote',
    path: relPath('f'),
    source: content.stat,
    expected: await statOf(at('f')),
    ...(capture ? { capture } : {}),
  };
  const hash = createHash('sha256').update(texts[1]).digest('hex');
  return { slot: SLOT, step, staged: { stat: content.stat, hash, source: content.stat } };
}

const textOf = (full: string): string | null => (fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : null);
const captured = (): void => {
  fs.mkdirSync(path.dirname(trashed()), { recursive: true });
  fs.renameSync(at('f'), trashed());
};
const linked = (): void => {
  fs.mkdirSync(path.dirname(trashed()), { recursive: true });
  fs.linkSync(at('f'), trashed());
};
const exchanged = (): void => {
  fs.renameSync(at('f'), `${at('f')}.out`);
  fs.renameSync(stage(), at('f'));
  fs.renameSync(`${at('f')}.out`, stage());
};

interface State {
  readonly name: string;
  readonly capture?: boolean;
  readonly act: () => void;
  readonly ends: 'finished' | 'undone';
  readonly there: string | null;
  readonly trash: string | null;
  /** In the trash folder that was set aside. */
  readonly aside?: string;
}

const STATES: readonly State[] = [
  { name: 'nothing was done', act: () => undefined, ends: 'undone', there: 'one', trash: null },
  { name: 'linked', act: linked, ends: 'undone', there: 'one', trash: null },
  {
    name: 'linked, and another host has saved since',
    act: () => {
      linked();
      fs.rmSync(at('f'));
      write(at('f'), 'a rival', NEW);
    },
    ends: 'undone',
    there: 'a rival',
    trash: null,
    aside: 'one',
  },
  {
    name: 'linked and renamed over',
    act: () => {
      linked();
      fs.renameSync(stage(), at('f'));
    },
    ends: 'finished',
    there: 'two two',
    trash: 'one',
  },
  { name: 'exchanged', act: exchanged, ends: 'finished', there: 'two two', trash: 'one' },
  {
    name: 'exchanged, and another host has written since',
    act: () => {
      exchanged();
      write(at('f'), 'a rival', NEW);
    },
    ends: 'finished',
    there: 'a rival',
    trash: 'one',
  },
  {
    name: 'exchanged, and a save of another host came out',
    act: () => {
      fs.rmSync(at('f'));
      write(at('f'), 'a rival', NEW);
      exchanged();
    },
    ends: 'undone',
    there: 'a rival',
    trash: null,
  },
  {
    name: 'exchanged, a save of another host came out, and ours was removed since',
    act: () => {
      fs.rmSync(at('f'));
      write(at('f'), 'a rival', NEW);
      exchanged();
      fs.rmSync(at('f'));
    },
    ends: 'undone',
    there: 'a rival',
    trash: null,
  },
  {
    name: 'exchanged and put into the trash',
    act: () => {
      exchanged();
      fs.mkdirSync(path.dirname(trashed()), { recursive: true });
      fs.renameSync(stage(), trashed());
    },
    ends: 'finished',
    there: 'two two',
    trash: 'one',
  },
  { name: 'captured', capture: true, act: captured, ends: 'undone', there: 'one', trash: null },
  {
    name: 'captured, and another host has saved since',
    capture: true,
    act: () => {
      captured();
      write(at('f'), 'a rival', NEW);
    },
    ends: 'undone',
    there: 'a rival',
    trash: null,
    aside: 'one',
  },
  {
    name: 'captured and linked to its place',
    capture: true,
    act: () => {
      captured();
      fs.linkSync(stage(), at('f'));
    },
    ends: 'finished',
    there: 'two two',
    trash: 'one',
  },
  {
    name: 'captured and in its place',
    capture: true,
    act: () => {
      captured();
      fs.renameSync(stage(), at('f'));
    },
    ends: 'finished',
    there: 'two two',
    trash: 'one',
  },
];

test.each(STATES.map((state) => [state.name, state] as const))('%s', async (_name, { act, capture, ends, ...want }) => {
  const order = await begun(capture === true);
  act();
  // Twice: a further crash may come before the journal is cleared.
  for (let time = 0; time < 2; time++) {
    const [outcome] = await remote.recover([order]);
    expect(outcome?.kind).toBe(ends);
    expect(textOf(at('f'))).toBe(want.there);
    expect(textOf(trashed())).toBe(want.trash);
    expect(textOf(trashed(`${SLOT}x`))).toBe(want.aside ?? null);
    expect(staged()).toEqual([]);
  }
});

test.each([
  ['before', false],
  ['after', true],
] as const)('versions that look the same are told apart by their contents: %s the exchange', async (_name, after) => {
  const order = await begun(false, ['one', 'two'], OLD);
  if (after) exchanged();
  const [outcome] = await remote.recover([order]);
  expect(outcome?.kind).toBe(after ? 'finished' : 'undone');
  expect([textOf(at('f')), textOf(trashed())]).toEqual(after ? ['two', 'one'] : ['one', null]);
});

describe.each([
  ['a disk', {}, false, undefined],
  ['sshfs', { exchange: 'EINVAL', renameNoReplace: 'EINVAL' }, false, true],
  ['sshfs, captured first', { exchange: 'EINVAL', renameNoReplace: 'EINVAL' }, true, undefined],
  ['no hard links', { exchange: 'EINVAL', renameNoReplace: 'EINVAL', link: 'EPERM' }, false, undefined],
] as const)('%s', (_name, can, capture, open) => {
  test('the new version is in its place, the old one in the trash; whether a rival could have been missed is said', async () => {
    lacks = can;
    const [outcome] = await remote.carryOut([await begun(capture)]);
    expect(outcome).toMatchObject({ kind: 'done', trashed: `.lazysync/trash/${SLOT}/f` });
    expect((outcome as { open?: true }).open).toBe(open);
    expect([textOf(at('f')), textOf(trashed())]).toEqual(['two two', 'one']);
  });

  test('a save that came before it stays', async () => {
    const order = await begun(capture);
    fs.rmSync(at('f'));
    write(at('f'), 'a rival', NEW);
    lacks = can;
    const [outcome] = await remote.carryOut([order]);
    expect(outcome?.kind).toBe('stale');
    expect(textOf(at('f'))).toBe('a rival');
    expect(staged()).toEqual([]);
  });
});

describe('a move that finds somebody else’s work', () => {
  const moving = async (): Promise<Order> => {
    write(at('from'), 'moved', OLD);
    const expected = await statOf(at('from'));
    return { slot: SLOT, step: { kind: 'move', side: 'remote', from: relPath('from'), path: relPath('to'), expected } };
  };
  /** Acts right after the first call of that name. */
  const after = (name: 'link' | 'rename', act: () => void): void => {
    const real = disk[name].bind(disk);
    let done = false;
    disk[name] = async (...args) => {
      await real(...args);
      if (!done) act();
      done = true;
    };
  };

  test('under the new name: a file', async () => {
    const order = await moving();
    after('link', () => {
      fs.renameSync(at('to'), at('to~'));
      write(at('to'), 'a rival', NEW);
    });
    const [outcome] = await remote.carryOut([order]);
    expect(outcome?.kind).toBe('stale');
    expect([textOf(at('from')), textOf(at('to')), textOf(at('to~'))]).toEqual(['moved', 'a rival', 'moved']);
  });

  test('under the new name: a folder', async () => {
    const order = await moving();
    after('link', () => {
      fs.rmSync(at('to'));
      write(at('to/in it'), 'a rival', NEW);
    });
    const [outcome] = await remote.carryOut([order]);
    expect(outcome?.kind).toBe('stale');
    expect([textOf(at('from')), textOf(at('to/in it'))]).toEqual(['moved', 'a rival']);
  });

  test('under the old name: a folder', async () => {
    const order = await moving();
    after('link', () => {
      fs.rmSync(at('from'));
      write(at('from/in it'), 'a rival', NEW);
    });
    const [outcome] = await remote.carryOut([order]);
    expect(outcome?.kind).toBe('done');
    expect([textOf(at('from/in it')), textOf(at('to'))]).toEqual(['a rival', 'moved']);
  });

  test('the source itself was changed: its second name goes', async () => {
    const order = await moving();
    write(at('from'), 'changed since', NEW);
    const [outcome] = await remote.carryOut([order]);
    expect(outcome?.kind).toBe('stale');
    expect([textOf(at('from')), textOf(at('to'))]).toEqual(['changed since', null]);
  });

  afterEach(() => {
    expect(staged()).toEqual([]);
  });
});
