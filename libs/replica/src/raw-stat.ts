/** From what the kernel says of an inode to RawStat, and its names to text. */
import { isUtf8 } from 'node:buffer';
import type { BigIntStats } from 'node:fs';
import type { Statx } from '@lazysync/ops';
import type { NodeKind, RawStat } from './fs-port.ts';

const KINDS: Readonly<Record<number, NodeKind>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
  0o010000: 'fifo',
  0o140000: 'socket',
  0o060000: 'block-device',
  0o020000: 'character-device',
};

function kindOf(mode: number): NodeKind {
  return KINDS[mode & 0o170000] ?? 'character-device';
}

export function rawStat(stats: BigIntStats): RawStat {
  const mode = Number(stats.mode);
  return {
    kind: kindOf(mode),
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    atimeNs: stats.atimeNs,
    birthNs: stats.birthtimeNs,
    mode: mode & 0o7777,
    dev: stats.dev,
    ino: stats.ino,
    nlink: Number(stats.nlink),
  };
}

export function rawStatx(stats: Statx): RawStat {
  return {
    kind: kindOf(stats.mode),
    size: stats.size,
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    atimeNs: stats.atimeNs,
    birthNs: stats.birthNs,
    mode: stats.mode & 0o7777,
    dev: stats.dev,
    ino: stats.ino,
    nlink: stats.nlink,
  };
}

/** Node puts this where bytes are not UTF-8: only a text that holds it is worth a second, closer look. */
export const REPLACED = '\ufffd';

/** The bytes as text; null if they are not UTF-8. */
export function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString('utf8') : null;
}

/** Readable stand-in for a name that is not UTF-8, such as `bad\xff`. */
export function escapeBytes(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
