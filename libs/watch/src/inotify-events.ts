/** The kernel's inotify records as values, and which of them each use asks for. */
import { TextDecoder } from 'node:util';
import type { Side } from '@lazysync/event-model';

export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_CLOSE_WRITE = 0x8;
export const IN_CLOSE_NOWRITE = 0x10;
export const IN_OPEN = 0x20;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_UNMOUNT = 0x2000;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
const IN_ONLYDIR = 0x0100_0000;
const IN_DONT_FOLLOW = 0x0200_0000;
const IN_EXCL_UNLINK = 0x0400_0000;
/** Asks for more of a directory that is watched already. */
export const IN_MASK_ADD = 0x2000_0000;
export const IN_ISDIR = 0x4000_0000;

const TREE = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
const DIRECTORY_ONLY = IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;

export const MASKS: Readonly<Record<Side, number>> = {
  // The same beside chokidar: that can't tell finished writes, listings and overflow, and leaves out a change that
  // follows another one at once (a chmod after a write, for one).
  local: TREE | IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE | IN_OPEN | IN_CLOSE_NOWRITE | DIRECTORY_ONLY,
  // Opens, and changes that this host makes through the mount. Never IN_ACCESS: reading a mapped file gives none.
  remote: TREE | IN_ATTRIB | IN_CLOSE_WRITE | IN_OPEN | DIRECTORY_ONLY,
};

export interface InotifyEvent {
  readonly wd: number;
  readonly mask: number;
  /** The same in both halves of a rename. */
  readonly cookie: number;
  /** Empty: the watched directory itself. null: the name is not UTF-8. */
  readonly name: string | null;
  /** An open that came right behind the making: most likely by whoever made the file. */
  readonly byMaker?: true;
}

const HEADER = 16;
const strict = new TextDecoder('utf-8', { fatal: true });

function nameOf(bytes: Buffer): string | null {
  const end = bytes.indexOf(0);
  const name = end < 0 ? bytes : bytes.subarray(0, end);
  const text = name.toString('latin1');
  // Plain ASCII is the quick way.
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  try {
    return strict.decode(name);
  } catch {
    return null; // the only thing that a fatal decoder throws for
  }
}

/**
 * The records in the first `length` bytes, in the kernel's order. What is said of a maker's open holds within one read only: a
 * file that was made by a link is opened by somebody else, but not at the same time.
 */
export function* decodeInotify(buffer: Buffer, length: number): Generator<InotifyEvent> {
  let made: InotifyEvent | null = null;
  for (let at = 0; at + HEADER <= length; ) {
    const size = buffer.readUInt32LE(at + 12);
    const event: InotifyEvent = {
      wd: buffer.readInt32LE(at),
      mask: buffer.readUInt32LE(at + 4),
      cookie: buffer.readUInt32LE(at + 8),
      name: size === 0 ? '' : nameOf(buffer.subarray(at + HEADER, at + HEADER + size)),
    };
    const isSame = made !== null && event.mask === IN_OPEN && event.wd === made.wd && event.name === made.name;
    yield isSame ? { ...event, byMaker: true } : event;
    made = event.mask === IN_CREATE ? event : null;
    at += HEADER + size;
  }
}
