/** Random changes against a plain map: the base is that map, whatever the names are and however rows move. */
import { type BaseChange, type BaseRecord, isOwn, isSameOrBelow, type RelPath, rebase } from '@lazysync/event-model';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Base, openBase } from '../src/index.ts';
import { at, directory, stub } from './records.ts';

type Model = Map<RelPath, BaseRecord>;

/** Few names, so that sequences meet; with characters on both sides of `/`, beyond 16 bits, and that SQL knows. */
const name = fc.constantFrom('a', 'a.b', 'a-b', 'a+', 'a0', 'ab', 'A', '%', '_', '😀', '😀a', '\u{10FFFF}', '\uffee');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => at(parts.join('/')));

type Wish =
  | { readonly kind: 'put'; readonly path: RelPath; readonly folder: boolean }
  | { readonly kind: 'forget'; readonly path: RelPath }
  | { readonly kind: 'bury'; readonly path: RelPath }
  | { readonly kind: 'move' | 'conflict' | 'dig'; readonly path: RelPath; readonly to: RelPath };

const wish: fc.Arbitrary<Wish> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), path, folder: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('forget' as const, 'bury' as const), path }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('move', 'conflict', 'dig'), path, to: path }) },
) as fc.Arbitrary<Wish>;

/** What a wish comes to; null: no tree can do it (into itself, onto what is above it). */
function changeOf(one: Wish, n: number, base: Base): BaseChange | null {
  switch (one.kind) {
    case 'put':
      return { kind: 'put', record: one.folder ? directory(one.path, n) : stub(one.path, n) };
    case 'forget':
      return one;
    case 'bury':
      return { kind: 'bury', path: one.path, trashed: at(`.lazysync/trash/${n}/${one.path}`) };
    case 'move':
      if (isSameOrBelow(one.to, one.path) || isSameOrBelow(one.path, one.to)) return null;
      return { kind: 'move', from: one.path, to: one.to };
    case 'conflict':
      return { kind: 'conflict', path: one.path, conflict: one.to };
    case 'dig': {
      const from = base.tombstone(one.path);
      return from === null ? null : { kind: 'move', from, to: one.to };
    }
  }
}

function forget(model: Model, gone: RelPath): void {
  for (const one of [...model.keys()]) if (isSameOrBelow(one, gone)) model.delete(one);
}

function apply(model: Model, change: BaseChange): void {
  switch (change.kind) {
    case 'put':
      if (change.record.kind !== 'directory') forget(model, change.record.path);
      model.set(change.record.path, change.record);
      break;
    case 'forget':
    case 'conflict':
      forget(model, change.path);
      break;
    case 'move':
    case 'bury': {
      const [from, to] = change.kind === 'move' ? [change.from, change.to] : [change.path, change.trashed];
      forget(model, to);
      for (const [old, record] of [...model]) {
        if (!isSameOrBelow(old, from)) continue;
        model.delete(old);
        const now = rebase(old, from, to);
        model.set(now, { ...record, path: now });
      }
      break;
    }
    case 'leads':
    case 'repointed':
      break;
  }
}

const byPath = (a: { readonly path: RelPath }, b: { readonly path: RelPath }): number => (a.path < b.path ? -1 : 1);

function check(base: Base, model: Model, asked: RelPath): void {
  const under = (above: RelPath): BaseRecord[] =>
    [...model.values()].filter((row) => row.path !== above && isSameOrBelow(row.path, above)).sort(byPath);
  const live = [...model.values()].filter((row) => !isOwn(row.path)).sort(byPath);
  expect([...base.below(at(''))].sort(byPath)).toEqual(live);
  expect([...base.below(asked)].sort(byPath)).toEqual(under(asked));
  expect(base.hasBelow(asked)).toBe(under(asked).length > 0);
  expect(base.get(asked)).toEqual(model.get(asked) ?? null);
  const rows = base.below(asked).map((row) => row.path);
  for (const [i, one] of rows.entries())
    for (const later of rows.slice(i)) expect(isSameOrBelow(one, later) && one !== later).toBe(false);
  expect(base.counts()).toMatchObject({
    entries: live.length,
    directories: live.filter((row) => row.kind === 'directory').length,
  });
  for (const row of live.filter((one) => one.kind === 'directory')) expect(base.directories()).toContain(row.path);
}

test('any sequence of changes leaves what a map would hold', () => {
  fc.assert(
    fc.property(
      fc.array(wish, { minLength: 1, maxLength: 40 }),
      fc.array(path, { minLength: 3, maxLength: 3 }),
      (wishes, asks) => {
        const base = openBase(':memory:');
        try {
          const model: Model = new Map();
          wishes.forEach((one, i) => {
            const change = changeOf(one, i + 1, base);
            if (change === null) return;
            base.record([change], []);
            apply(model, change);
          });
          for (const asked of asks) check(base, model, asked);
          for (const row of model.values()) expect(base.get(row.path)).toEqual(row);
        } finally {
          base.close();
        }
      },
    ),
    { numRuns: 150 },
  );
}, 30_000);

test('what is read between the changes is never what was there before them, also when a transaction is rolled back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(wish, { minLength: 1, maxLength: 4 }), fc.boolean()), { minLength: 1, maxLength: 12 }),
      fc.array(path, { minLength: 3, maxLength: 3 }),
      (transactions, asks) => {
        const base = openBase(':memory:');
        try {
          let model: Model = new Map();
          const seen = (): void => {
            for (const one of new Set([...model.keys(), ...asks]))
              expect(base.get(one)).toEqual(model.get(one) ?? null);
          };
          transactions.forEach(([wishes, breaksOff], i) => {
            const before = new Map(model);
            const act = (): void =>
              base.together(() => {
                wishes.forEach((one, n) => {
                  const change = changeOf(one, i * 10 + n + 1, base);
                  if (change === null) return;
                  base.record([change], []);
                  apply(model, change);
                  seen();
                });
                if (breaksOff) throw new Error('broken off');
              });
            if (breaksOff) {
              expect(act).toThrow('broken off');
              model = before;
            } else act();
            seen();
          });
        } finally {
          base.close();
        }
      },
    ),
    { numRuns: 150 },
  );
}, 30_000);

test('where stubs lead is their text, through any moves, burials and returns', () => {
  const places = fc.constantFrom('p', 'q', 'r', 'p.q', '😀').map(at);
  const inside = fc.constantFrom('', '/x', '/x/y');
  const place = fc.tuple(places, inside).map(([top, rest]) => at(`${top}${rest}`));
  const step = fc.record({ kind: fc.constantFrom('move', 'bury', 'dig'), from: place, to: place });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const base = openBase(':memory:');
      try {
        /** By today's path, what the text of the stub there says: its path when it was made. */
        const texts = new Map<RelPath, RelPath>();
        const lay = (made: RelPath): void => {
          const record = made.endsWith('y') ? stub(made, 1) : directory(made, 1);
          base.record([{ kind: 'put', record }], []);
          texts.set(made, made);
        };
        for (const top of ['p', 'q', 'r', 'p.q', '😀']) for (const rest of ['', '/x', '/x/y']) lay(at(top + rest));
        steps.forEach(({ kind, from: wanted, to }, i) => {
          const from = kind === 'dig' ? base.tombstone(wanted) : wanted;
          if (from === null || !texts.has(from)) return;
          const target = kind === 'bury' ? at(`.lazysync/trash/${i}/${to}`) : to;
          // A tree takes a thing only where nothing is, and only into a folder.
          const parent = at(target.slice(0, Math.max(0, target.lastIndexOf('/'))));
          if (texts.has(target) || isSameOrBelow(target, from)) return;
          if (kind !== 'bury' && parent !== '' && base.get(parent)?.kind !== 'directory') return;
          base.record(
            [kind === 'bury' ? { kind, path: from, trashed: target } : { kind: 'move', from, to: target }],
            [],
          );
          for (const [old, text] of [...texts]) {
            if (!isSameOrBelow(old, from)) continue;
            texts.delete(old);
            texts.set(rebase(old, from, target), text);
          }
          for (const [now, text] of texts) if (!isOwn(now)) expect(base.movedFrom(now) ?? now).toBe(text);
        });
        for (const [now, text] of texts) if (!isOwn(now)) expect(base.movedFrom(now) ?? now).toBe(text);
      } finally {
        base.close();
      }
    }),
    { numRuns: 200 },
  );
}, 30_000);
