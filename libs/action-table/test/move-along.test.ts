/** Somebody moves a thing in the remote: local's goes along where there is no doubt that it is the same. */
import type { Decision, PathView } from '@lazysync/event-model';
import { expect, test } from 'vitest';
import { planPath } from '../src/index.ts';
import {
  absent,
  at,
  cause,
  copyRow,
  directory,
  directoryRow,
  file,
  id,
  policy,
  special,
  stat,
  stub,
  stubRow,
  unknown,
  view,
} from './build.ts';

const here = stat(2, 1000, 11);
const there = stat(2, 1001, 21);
const record = copyRow('old', here, there);
const folder = directoryRow('old', 14, { remote: id(24) });
const origin = { record, local: file(here), remote: absent };
const folderOrigin = { record: folder, local: directory(14), remote: absent };

const plan = (of: Omit<PathView, 'path'>, identities = true): Decision =>
  planPath(view('new', of), cause(), { ...policy, remoteIdentities: identities });
const moved = (of: Partial<PathView>): string => {
  const decision = plan({ base: null, local: absent, remote: file(there), ...of });
  if (decision.kind === 'need') return `need ${decision.what.join()}`;
  return decision.kind === 'step' ? `${decision.step.kind} ${decision.step.side}` : decision.kind;
};

test('a copy and a folder go along, by one rename', () => {
  const expected = { kind: 'move', side: 'local', from: 'old', path: 'new', along: true };
  expect(plan({ base: null, local: absent, remote: file(there), remoteOrigin: origin })).toMatchObject({
    step: { ...expected, expected: file(here) },
    again: true,
    below: false,
  });
  expect(plan({ base: null, local: absent, remote: directory(24), remoteOrigin: folderOrigin })).toMatchObject({
    step: { ...expected, expected: directory(14) },
    again: true,
    below: true,
  });
});

test('who it was is asked only where the remote knows identities, and where nothing is known or there', () => {
  expect(moved({})).toBe('need remote-origin');
  const new_ = { base: null, local: absent, remote: file(there) };
  expect(plan(new_, false)).toMatchObject({ step: { kind: 'make-stub' } });
  expect(planPath(view('new', new_), cause(), policy)).toMatchObject({ step: { kind: 'make-stub' } });
  expect(moved({ base: { kind: 'residual', path: at('new'), side: 'local', why: '' } })).toBe('make-stub local');
  expect(moved({ remote: { kind: 'symlink', target: 'x' } })).toBe('make-symlink local');
});

test.each<[string, Partial<PathView>]>([
  ['it is nobody\u2019s', { remoteOrigin: null }],
  ['the old name still shows it: a hard link', { remoteOrigin: { ...origin, remote: file(there) } }],
  ['the old name can not be seen', { remoteOrigin: { ...origin, remote: unknown } }],
  ['something strange lies at the old name', { remoteOrigin: { ...origin, remote: special } }],
  ['it was written to as well: another size', { remote: file(stat(3, 1001, 21)), remoteOrigin: origin }],
  ['it was written to as well: another time', { remote: file(stat(2, 1002, 21)), remoteOrigin: origin }],
  ['another write may look the same', { remoteOrigin: { ...origin, record: { ...record, remoteRacy: true } } }],
  ['the number was dealt anew', { remote: file({ ...there, birthNs: 5n }), remoteOrigin: origin }],
  ['the copy was edited', { remoteOrigin: { ...origin, local: file(stat(9, 2000, 11)) } }],
  ['the copy may have been edited', { remoteOrigin: { ...origin, record: { ...record, racy: true } } }],
  ['the copy is gone', { remoteOrigin: { ...origin, local: absent } }],
  ['a stub lies at the old name', { remoteOrigin: { ...origin, local: stub('old', 11) } }],
  ['there is only a stub, which holds nothing', { remoteOrigin: { ...origin, record: stubRow('old', there, 11) } }],
])('%s: a stub is made', (_why, of) => {
  expect(moved(of)).toBe('make-stub local');
});

test.each<[string, Partial<PathView>]>([
  ['another folder lies in local', { remoteOrigin: { ...folderOrigin, local: directory(15) } }],
  ['a file lies in local', { remoteOrigin: { ...folderOrigin, local: file(here) } }],
  ['the folder is known without its identity', { remoteOrigin: { ...folderOrigin, record: directoryRow('old', 14) } }],
  ['the folder is still there', { remoteOrigin: { ...folderOrigin, remote: directory(24) } }],
])('%s: a folder is made', (_why, of) => {
  expect(moved({ remote: directory(24), ...of })).toBe('make-directory local');
});

test('it is a folder now that was a file: made anew', () => {
  expect(moved({ remote: directory(21), remoteOrigin: origin })).toBe('make-directory local');
  expect(moved({ remote: file({ ...there, ...id(24) }), remoteOrigin: folderOrigin })).toBe('make-stub local');
});

test('what was moved into a folder that took its old name does not go along', () => {
  const into = planPath(
    view('old/new', {
      base: null,
      local: absent,
      remote: directory(24),
      remoteOrigin: { ...folderOrigin, remote: directory(25) },
    }),
    cause(),
    { ...policy, remoteIdentities: true },
  );
  expect(into).toMatchObject({ step: { kind: 'make-directory' } });
});
