/**
 * What counts of what a disk says of a folder's names, as one digest: made of the kernel's own bytes, so that at rest nothing
 * is ever decoded, or of what is known already. The same things have the same digest, whichever way it was made.
 */
import { hash } from 'node:crypto';
import { type BaseRecord, nameOf } from '@lazysync/event-model';
import { encodeStatx, STATX_BYTES } from '@lazysync/ops';
import type { NodeKind, RawStat } from './fs-port.ts';

// Where statx puts things: see linux/stat.h.
const MODE = 28;
const INO = 32;
const SIZE = 40;
const SIZE_END = 48;
const BIRTH = 80;
const CTIME = 96;
const MTIME = 112;
const MTIME_END = 128;
const DEVICE = 136;
const DEVICE_END = 144;

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

const KINDS: Readonly<Record<NodeKind, number>> = {
  file: 0o100000,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  fifo: 0o010000,
  socket: 0o140000,
  'block-device': 0o060000,
  'character-device': 0o020000,
};

/** Of a stat as the kernel wrote it: atimes are never in it. */
export function printOf(buffer: Buffer): string {
  const kind = buffer.readUInt16LE(MODE) & S_IFMT;
  const device = buffer.toString('latin1', DEVICE, DEVICE_END);
  // A directory's own times tell of its names, which its own listing shows.
  if (kind === S_IFDIR)
    return `d${buffer.toString('latin1', MODE, SIZE)}${buffer.toString('latin1', BIRTH, CTIME)}${device}`;
  if (kind !== S_IFLNK)
    return `f${buffer.toString('latin1', MODE, SIZE_END)}${buffer.toString('latin1', BIRTH, MTIME_END)}${device}`;
  // Arming a stub moves its ctime; what an inode says never changes, so one with a birth is all there is to know.
  const link = `l${buffer.toString('latin1', INO, SIZE)}${buffer.toString('latin1', BIRTH, CTIME)}${device}`;
  const hasBirth = buffer.readBigInt64LE(BIRTH) !== 0n || buffer.readUInt32LE(BIRTH + 8) !== 0;
  return hasBirth
    ? link
    : link + buffer.toString('latin1', SIZE, SIZE_END) + buffer.toString('latin1', MTIME, MTIME_END);
}

const scratch = Buffer.alloc(STATX_BYTES);

function printOfKnown(known: Parameters<typeof encodeStatx>[0]): string {
  encodeStatx(known, scratch);
  return printOf(scratch);
}

export function printOfStat(stat: RawStat): string {
  return printOfKnown({ ...stat, mode: KINDS[stat.kind] | stat.mode });
}

const UNKNOWN_TIMES = { size: 0, mtimeNs: 0n, ctimeNs: 0n };

/** What local shows of it if it is as its row says; null: the row does not say all that is in a print. */
function printOfRecord(record: BaseRecord): string | null {
  switch (record.kind) {
    case 'directory':
      return printOfKnown({ ...UNKNOWN_TIMES, ...record.local, mode: S_IFDIR | record.localMode });
    case 'file':
      if (record.form === 'copy') return printOfKnown({ ...record.local, mode: KINDS.file | record.local.mode });
      return record.link.birthNs === 0n ? null : printOfKnown({ ...UNKNOWN_TIMES, ...record.link, mode: S_IFLNK });
    case 'symlink':
    case 'residual':
      return null;
  }
}

export interface NamePrint {
  readonly name: string;
  readonly print: string;
}

/** Listings give names in an order of their own. */
export function digestOfPrints(prints: readonly NamePrint[]): string {
  let text = '';
  for (const { name, print } of prints.toSorted((a, b) => (a.name < b.name ? -1 : 1))) text += `${name}\0${print}\0`;
  return hash('sha1', text, 'base64');
}

/** Of a folder of local that holds just what these rows say; null: they do not say it all. */
export function digestOfRecords(records: Iterable<BaseRecord>): string | null {
  const prints: NamePrint[] = [];
  for (const record of records) {
    const print = printOfRecord(record);
    if (print === null) return null;
    prints.push({ name: nameOf(record.path), print });
  }
  return digestOfPrints(prints);
}
