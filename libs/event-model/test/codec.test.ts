/** What comes out of the queue is either wholly good or refused with a reason; it never throws and never half passes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Changeset,
  changesetTitle,
  decodeChangeset,
  isOwn,
  MAX_EVENTS,
  parseRelPath,
  type RelPath,
  relPath,
  type SyncEvent,
} from '../src/index.ts';

const at = relPath;
const side = fc.constantFrom('local' as const, 'remote' as const);
const path: fc.Arbitrary<RelPath> = fc
  .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'))
  .filter((text) => parseRelPath(text) !== null && !isOwn(text as RelPath))
  .map((text) => text as RelPath);
const anyPath = fc.oneof(path, fc.constant(at('')));
const word = fc.stringMatching(/^[a-z0-9-]{1,80}$/);
const localOnly = fc.constant('local' as const);

const event: fc.Arbitrary<SyncEvent> = fc.oneof(
  fc.record(
    { kind: fc.constantFrom('create' as const, 'modify' as const, 'delete' as const), side, path, seen: fc.boolean() },
    { requiredKeys: ['kind', 'side', 'path'] },
  ) as fc.Arbitrary<SyncEvent>,
  fc.record({ kind: fc.constant('access' as const), side: localOnly, path }),
  fc.record({ kind: fc.constant('staged' as const), side: localOnly, path, transfer: word }),
  fc.record({ kind: fc.constant('rescan' as const), side, path: anyPath, why: fc.string({ maxLength: 200 }) }),
  fc.record({
    kind: fc.constant('command' as const),
    side: localOnly,
    path: anyPath,
    id: word,
    command: fc.constantFrom('get' as const, 'rescan' as const),
  }),
);
const changeset: fc.Arbitrary<Changeset> = fc.record({
  v: fc.constant(1 as const),
  pair: fc.constant('p'),
  at: fc.integer(),
  events: fc.array(event, { maxLength: 20 }),
});

const good: SyncEvent = { kind: 'modify', side: 'local', path: at('a') };
const job = (events: unknown, more: object = {}): unknown => ({ v: 1, pair: 'p', at: 5, events, ...more });
const reason = (raw: unknown): string => {
  const decoded = decodeChangeset(raw, 'p');
  return decoded.kind === 'refused' ? decoded.reason : 'good';
};

describe('a changeset', () => {
  test('comes out of JSON as it went in', () => {
    fc.assert(
      fc.property(changeset, (one) => {
        const raw: unknown = JSON.parse(JSON.stringify(one));
        expect(decodeChangeset(raw, 'p')).toEqual({ kind: 'changeset', changeset: one });
      }),
    );
  });

  test('brings nothing along that does not belong to it', () => {
    const extra = { ...good, __proto__: { x: 1 }, sudo: true, transfer: 'x' };
    expect(decodeChangeset(job([extra], { more: 1 }), 'p')).toEqual({
      kind: 'changeset',
      changeset: { v: 1, pair: 'p', at: 5, events: [good] },
    });
  });

  test('may be empty, and may be full', () => {
    expect(reason(job([]))).toBe('good');
    expect(reason(job(new Array(MAX_EVENTS).fill(good)))).toBe('good');
  });

  test.each<[string, unknown, RegExp]>([
    ['no object', null, /no object/],
    ['a text', 'x', /no object/],
    ['a number', 7, /no object/],
    ['another version', job([good], { v: 2 }), /version/],
    ['no version', job([good], { v: undefined }), /version/],
    ['another pair', job([good], { pair: 'q' }), /another pair/],
    ['no time', job([good], { at: 'now' }), /no time/],
    ['an endless time', job([good], { at: Number.POSITIVE_INFINITY }), /no time/],
    ['no list', job({ 0: good }), /no list/],
    ['too many events', job(new Array(MAX_EVENTS + 1).fill(good)), /up to 1200/],
    ['one bad event among good ones', job([good, { ...good, side: 'middle' }, good]), /side/],
    ['an event that is none', job([null]), /not an object/],
    ['an event that is a list', job([[]]), /path/],
  ])('is refused: %s', (_name, raw, why) => {
    expect(reason(raw)).toMatch(why);
  });

  test.each<[string, object, RegExp]>([
    ['no path', { path: undefined }, /path/],
    ['an absolute path', { path: '/etc/passwd' }, /path/],
    ['a path out of the root', { path: 'a/../../b' }, /path/],
    ['a path that is no UTF-8', { path: 'a\ud800' }, /path/],
    ['the own folder', { path: '.lazysync' }, /own folder/],
    ['a path in the own folder', { path: '.lazysync/trash/x' }, /own folder/],
    ['the root', { path: '' }, /root itself/],
    ['no side', { side: undefined }, /side/],
    ['an unknown kind', { kind: 'explode' }, /kind is unknown/],
    ['no kind', { kind: undefined }, /kind is unknown/],
    ['seen that is no boolean', { seen: 'yes' }, /seen/],
    ['an access in remote', { kind: 'access', side: 'remote' }, /access/],
    ['an access of the root', { kind: 'access', path: '' }, /access/],
    ['staged in remote', { kind: 'staged', side: 'remote', transfer: 'x' }, /transfer/],
    ['staged without a transfer', { kind: 'staged' }, /transfer/],
    ['staged with a strange transfer', { kind: 'staged', transfer: '../x' }, /transfer/],
    ['staged with an empty transfer', { kind: 'staged', transfer: '' }, /transfer/],
    ['a command in remote', { kind: 'command', side: 'remote', id: 'x', command: 'get' }, /id/],
    ['a command without an id', { kind: 'command', command: 'get' }, /id/],
    ['a command with a long id', { kind: 'command', id: 'x'.repeat(81), command: 'get' }, /id/],
    ['a command with a strange id', { kind: 'command', id: 'a b', command: 'get' }, /id/],
    ['an unknown command', { kind: 'command', id: 'x', command: 'rm' }, /command is unknown/],
  ])('is refused for an event with %s', (_name, more, why) => {
    expect(reason(job([{ ...good, ...more }]))).toMatch(why);
  });

  test('a rescan’s reason is cut, and may be missing', () => {
    const decoded = decodeChangeset(job([{ kind: 'rescan', side: 'remote', path: '', why: 'x'.repeat(500) }]), 'p');
    expect(decoded).toMatchObject({ changeset: { events: [{ why: 'x'.repeat(200) }] } });
    expect(decodeChangeset(job([{ kind: 'rescan', side: 'remote', path: '', why: 7 }]), 'p')).toMatchObject({
      changeset: { events: [{ why: '' }] },
    });
  });

  test('whatever comes, it is judged and nothing is thrown', () => {
    fc.assert(fc.property(fc.anything(), (raw) => judged(raw)));
    fc.assert(fc.property(fc.jsonValue(), (raw) => judged(raw)));
    const near = fc.record({ v: fc.constant(1), pair: fc.constant('p'), at: fc.anything(), events: fc.anything() });
    fc.assert(fc.property(near, (raw) => judged(raw)));
  });

  test('a good changeset with one value replaced by anything is judged', () => {
    const place = fc.constantFrom('kind', 'side', 'path', 'seen', 'transfer', 'why', 'id', 'command');
    fc.assert(
      fc.property(event, place, fc.anything(), (one, key, value) => judged(job([{ ...one, [key]: value }]))),
      { numRuns: 500 },
    );
  });
});

/** True if the answer is one of the two, and a good one holds only good paths. */
function judged(raw: unknown): boolean {
  const decoded = decodeChangeset(raw, 'p');
  if (decoded.kind === 'refused') return decoded.reason.length > 0;
  return decoded.changeset.events.every(({ path }) => parseRelPath(path) !== null && !isOwn(path));
}

describe('a job’s name', () => {
  test.each<[readonly SyncEvent[], string]>([
    [[], 'empty'],
    [[{ kind: 'modify', side: 'local', path: at('src/a.ts') }], 'local modify src/a.ts'],
    [[{ kind: 'modify', side: 'local', path: at('a') }, good, good], 'local modify a +2'],
    [[{ kind: 'rescan', side: 'remote', path: at(''), why: 'start' }], 'remote rescan .'],
    [[{ kind: 'command', side: 'local', path: at(''), id: 'x', command: 'get' }], 'command get .'],
  ])('of %j', (events, title) => {
    expect(changesetTitle({ v: 1, pair: 'p', at: 1, events })).toBe(title);
  });

  test('of a long path keeps both its ends', () => {
    const long = at(`${'a'.repeat(200)}/end.txt`);
    const title = changesetTitle({ v: 1, pair: 'p', at: 1, events: [{ ...good, path: long } as SyncEvent] });
    expect(title.length).toBeLessThan(180);
    expect(title).toMatch(/^local modify a+….*\/end\.txt$/);
    const edge = at('b'.repeat(160));
    expect(changesetTitle({ v: 1, pair: 'p', at: 1, events: [{ ...good, path: edge } as SyncEvent] })).toContain(edge);
  });
});

describe('what a watcher beside the disk saw', () => {
  const of = (event: object) =>
    decodeChangeset({ v: 1, pair: 'p', at: 1, events: [{ kind: 'modify', side: 'remote', path: 'f', ...event }] }, 'p');
  const file = { kind: 'file', size: 4, mtimeNs: '1700000000123456789', mode: 0o644 };

  test.each([
    [{ pushed: file }],
    [{ pushed: file, again: 3 }],
    [{ pushed: { kind: 'directory', mode: 0o755 }, seen: true }],
    [{ pushed: { kind: 'absent' } }],
    [{ pushed: { kind: 'other' } }],
  ])('%j comes through as it is', (more) => {
    const decoded = of(more);
    expect(decoded).toMatchObject({ kind: 'changeset', changeset: { events: [more] } });
  });

  test.each([
    [{ pushed: 'file' }],
    [{ pushed: { kind: 'stub' } }],
    [{ pushed: { ...file, size: -1 } }],
    [{ pushed: { ...file, mtimeNs: 'now' } }],
    [{ pushed: { ...file, mtimeNs: 17 } }],
    [{ pushed: { kind: 'directory' } }],
    [{ pushed: file, again: 'twice' }],
    [{ pushed: file, side: 'local' }],
  ])('%j is refused', (more) => {
    expect(of(more)).toMatchObject({ kind: 'refused' });
  });

  test('what was not there is not made up', () => {
    const decoded = of({ again: 1 });
    expect(decoded).toMatchObject({ kind: 'changeset', changeset: { events: [{ kind: 'modify', path: 'f' }] } });
    expect(JSON.stringify(decoded)).not.toContain('again');
  });
});
