import { expect, test } from 'vitest';
import {
  decodeInotify,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_MOVED_FROM,
  IN_OPEN,
  IN_Q_OVERFLOW,
} from '../src/inotify-events.ts';

function record(wd: number, mask: number, cookie: number, name: Buffer): Buffer {
  const padded = name.length === 0 ? 0 : Math.ceil((name.length + 1) / 16) * 16;
  const bytes = Buffer.alloc(16 + padded);
  bytes.writeInt32LE(wd, 0);
  bytes.writeUInt32LE(mask, 4);
  bytes.writeUInt32LE(cookie, 8);
  bytes.writeUInt32LE(padded, 12);
  name.copy(bytes, 16);
  return bytes;
}

test('records come out in order, with their names, cookies and padding', () => {
  const bytes = Buffer.concat([
    record(1, IN_CREATE, 0, Buffer.from('plain')),
    record(2, IN_MOVED_FROM, 77, Buffer.from('größe 漢字')),
    record(3, IN_CREATE, 0, Buffer.alloc(0)),
    record(-1, IN_Q_OVERFLOW, 0, Buffer.alloc(0)),
  ]);
  const buffer = Buffer.concat([bytes, Buffer.alloc(64, 0xff)]);
  expect([...decodeInotify(buffer, bytes.length)]).toEqual([
    { wd: 1, mask: IN_CREATE, cookie: 0, name: 'plain' },
    { wd: 2, mask: IN_MOVED_FROM, cookie: 77, name: 'größe 漢字' },
    { wd: 3, mask: IN_CREATE, cookie: 0, name: '' },
    { wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' },
  ]);
});

test('a name that is not UTF-8 is told apart from one that holds the replacement character', () => {
  const bytes = Buffer.concat([
    record(1, IN_CREATE, 0, Buffer.of(0x61, 0xff, 0xfe)),
    record(1, IN_CREATE, 0, Buffer.from('a\ufffd')),
  ]);
  expect([...decodeInotify(bytes, bytes.length)].map((event) => event.name)).toEqual([null, 'a\ufffd']);
});

test('the open right behind the making is by the maker; any other is not', () => {
  const all = [
    record(1, IN_CREATE, 0, Buffer.from('a')),
    record(1, IN_OPEN, 0, Buffer.from('a')),
    record(1, IN_OPEN, 0, Buffer.from('a')),
    record(1, IN_CREATE, 0, Buffer.from('b')),
    record(1, IN_OPEN, 0, Buffer.from('c')),
    record(1, IN_CREATE, 0, Buffer.from('d')),
    record(1, IN_CLOSE_WRITE, 0, Buffer.from('d')),
    record(1, IN_OPEN, 0, Buffer.from('d')),
    record(1, IN_CREATE, 0, Buffer.from('e')),
    record(2, IN_OPEN, 0, Buffer.from('e')),
  ];
  const decoded = (some: readonly Buffer[]) => {
    const bytes = Buffer.concat(some);
    return [...decodeInotify(bytes, bytes.length)];
  };
  const byMaker = decoded(all).map((event, at) => (event.byMaker === true ? at : null));
  expect(byMaker.filter((at) => at !== null)).toEqual([1]);
  // A link was made, and opened some time after.
  expect(
    all
      .slice(0, 2)
      .flatMap((one) => decoded([one]))
      .some((event) => event.byMaker),
  ).toBe(false);
});
