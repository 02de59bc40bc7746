/**
 * A pack: many small files in one, on its way between a mount and the disk behind it. Its header says what is in it;
 * the contents follow in the same order. It lies in the remote's stage folder, so who may read or write it is the remote's
 * own say.
 */
import { createHash } from 'node:crypto';
import { isOwn, parseRelPath, type RelPath, relPath } from '@lazysync/event-model';
import type { FsPort, OpenFile } from './fs-port.ts';
import { fill } from './read-in-order.ts';
import { createStage } from './stage-file.ts';
import { uploadStagePath } from './tree-context.ts';

export interface PackedFile {
  /** Of the step or the transfer that it belongs to. */
  readonly slot: string;
  readonly path: RelPath;
  readonly size: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** sha256 of its content, hex. */
  readonly hash: string;
}

/** New, and made before the files; one above the other in this order. */
export interface PackedFolder {
  readonly path: RelPath;
  readonly mode: number;
}

export interface PackContent extends PackedFile {
  readonly bytes: Uint8Array;
}

export interface OpenPack {
  readonly folders: readonly PackedFolder[];
  readonly files: readonly PackedFile[];
  /** The content of one of `files`, read anew; null: it is not what its hash says. */
  bytes(file: PackedFile): Promise<Uint8Array | null>;
}

const MAGIC = 'lazysync pack 2\n';
const LENGTH_DIGITS = 10;
const PREFIX = MAGIC.length + LENGTH_DIGITS;
export const PACK_FILES = 1_000;
export const PACK_FOLDERS = 1_000;
/** Bytes: what is larger fills the link by itself. */
export const PACKED_SIZE = 256 << 10;
/** Bytes of all contents. */
export const PACK_BYTES = 32 << 20;
const HEADER_BYTES = 32 << 20;
export const PACK_FILE_BYTES = PREFIX + HEADER_BYTES + PACK_BYTES;
const CHUNK = 1 << 20;
const SLOT = /^\d{8}t\d{6}-[0-9a-f]+-\d{1,15}$/;

export function isSlot(raw: unknown): raw is string {
  return typeof raw === 'string' && raw.length < 100 && SLOT.test(raw);
}

/** Where it lies until somebody takes it, from the root. */
export function packPath(slot: string): RelPath {
  return relPath(uploadStagePath(slot));
}

/** Under this name whoever unpacks it has taken it. */
export function takenPath(slot: string): string {
  return `${uploadStagePath(slot)}.taken`;
}

function headerOf(files: readonly PackedFile[], folders: readonly PackedFolder[]): Buffer {
  const rows = files.map(({ slot, path, size, mode, mtimeNs, hash }) => [
    slot,
    path,
    size,
    mode,
    mtimeNs.toString(),
    hash,
  ]);
  const json = Buffer.from(JSON.stringify({ folders: folders.map(({ path, mode }) => [path, mode]), files: rows }));
  return Buffer.concat([Buffer.from(MAGIC + String(json.length).padStart(LENGTH_DIGITS, '0')), json]);
}

function contentHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What a pack says of bytes that go into it. */
export function packContents(bytes: Uint8Array): Pick<PackContent, 'bytes' | 'size' | 'hash'> {
  return { bytes, size: bytes.length, hash: contentHash(bytes) };
}

/** Closes the file. `moved` is told of each piece, and may wait. */
export async function writePack(
  file: OpenFile,
  contents: readonly PackContent[],
  moved: (bytes: number, done: number) => Promise<void>,
  folders: readonly PackedFolder[] = [],
): Promise<void> {
  try {
    const all = Buffer.concat([headerOf(contents, folders), ...contents.map(({ bytes }) => bytes)]);
    for (let at = 0; at < all.length; at += CHUNK) {
      const piece = all.subarray(at, at + CHUNK);
      await file.write(piece, at);
      await moved(piece.length, at + piece.length);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Through a mount: nothing in it yet. Whoever packs writes into it as long as it is there. */
export async function makeEmptyPack(fs: FsPort, slot: string): Promise<void> {
  await (await createPack(fs, slot)).close();
}

export function createPack(fs: FsPort, slot: string): Promise<OpenFile> {
  return createStage(fs, { slot }, 0o600);
}

function count(raw: unknown, most: number): raw is number {
  return typeof raw === 'number' && Number.isSafeInteger(raw) && raw >= 0 && raw <= most;
}

function parseRow(raw: unknown): PackedFile | null {
  if (!Array.isArray(raw)) return null;
  const [slot, text, size, mode, mtime, hash] = raw as readonly unknown[];
  const path = parseRelPath(text);
  if (path === null || path === '' || isOwn(path) || !isSlot(slot)) return null;
  if (!count(size, PACK_BYTES) || !count(mode, 0o7777)) return null;
  if (typeof mtime !== 'string' || !/^-?\d{1,30}$/.test(mtime)) return null;
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) return null;
  return { slot, path, size, mode, mtimeNs: BigInt(mtime), hash };
}

function parseFolder(raw: unknown): PackedFolder | null {
  if (!Array.isArray(raw)) return null;
  const [text, mode] = raw as readonly unknown[];
  const path = parseRelPath(text);
  return path === null || path === '' || isOwn(path) || !count(mode, 0o7777) ? null : { path, mode };
}

/** null: not a list of up to `most` of them. */
function parseAll<T>(raw: unknown, most: number, parse: (raw: unknown) => T | null): readonly T[] | null {
  if (!Array.isArray(raw) || raw.length > most) return null;
  const all = raw.map(parse);
  return all.every((one) => one !== null) ? all : null;
}

function parseHeader(json: Uint8Array): Pick<OpenPack, 'files' | 'folders'> | null {
  let raw: unknown;
  try {
    raw = JSON.parse(Buffer.from(json).toString('utf8'));
  } catch {
    return null;
  }
  if (typeof raw !== 'object' || raw === null) return null;
  const { files, folders } = raw as Record<string, unknown>;
  const all = { files: parseAll(files, PACK_FILES, parseRow), folders: parseAll(folders, PACK_FOLDERS, parseFolder) };
  return all.files === null || all.folders === null ? null : { files: all.files, folders: all.folders };
}

async function readWhole(file: OpenFile, at: number, size: number): Promise<Buffer | null> {
  const bytes = Buffer.alloc(size);
  return (await fill(file, bytes, at)) === size ? bytes : null;
}

/** null: it is no whole pack. Throws FsError when it can not be read. The file is closed by whoever opened it. */
export async function openPack(file: OpenFile): Promise<OpenPack | null> {
  const prefix = await readWhole(file, 0, PREFIX);
  const text = prefix?.toString('latin1') ?? '';
  const length = Number(text.slice(MAGIC.length));
  if (!text.startsWith(MAGIC) || !count(length, HEADER_BYTES)) return null;
  const json = await readWhole(file, PREFIX, length);
  const header = json === null ? null : parseHeader(json);
  if (header === null) return null;
  const { files, folders } = header;
  const starts = new Map<PackedFile, number>();
  let end = PREFIX + length;
  for (const one of files) {
    starts.set(one, end);
    end += one.size;
  }
  if ((await file.stat()).size !== end) return null;
  return {
    files,
    folders,
    async bytes(one) {
      const content = await readWhole(file, starts.get(one) ?? end, one.size);
      return content !== null && contentHash(content) === one.hash ? content : null;
    },
  };
}
