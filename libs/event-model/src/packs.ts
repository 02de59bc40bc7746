/**
 * What clients and whoever runs beside the remote's disk say of packs to one another; neither trusts the other. Contents are
 * in the packs alone.
 */
import { isOwn, parseRelPath, type RelPath } from './rel-path.ts';

/** What lies in its place now; the mount shows the same. */
export interface UnpackedFile {
  /** Of the upload that it belongs to. */
  readonly slot: string;
  readonly size: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
}

export type UnpackOutcome =
  /** Those that are in their places, and the folders that were made; of all others there is nothing. */
  | { readonly kind: 'unpacked'; readonly folders: readonly RelPath[]; readonly files: readonly UnpackedFile[] }
  /** Nobody wants it any more, or somebody else has taken it. */
  | { readonly kind: 'gone' }
  /** It is no whole pack, or may not be taken: nothing was done. */
  | { readonly kind: 'refused'; readonly why: string };

/** As JSON can carry it. */
export function encodeUnpack(outcome: UnpackOutcome): unknown {
  if (outcome.kind !== 'unpacked') return outcome;
  return { ...outcome, files: outcome.files.map((file) => ({ ...file, mtimeNs: file.mtimeNs.toString() })) };
}

function decodeFile(raw: unknown): UnpackedFile | null {
  if (typeof raw !== 'object' || raw === null) return null;
  const { slot, size, mode, mtimeNs } = raw as Record<string, unknown>;
  if (typeof slot !== 'string' || !Number.isSafeInteger(size) || !Number.isSafeInteger(mode)) return null;
  if (typeof mtimeNs !== 'string' || !/^-?\d{1,30}$/.test(mtimeNs)) return null;
  return { slot, size: size as number, mode: mode as number, mtimeNs: BigInt(mtimeNs) };
}

/** null: nothing that can be relied on. */
export function decodeUnpack(raw: unknown): UnpackOutcome | null {
  if (typeof raw !== 'object' || raw === null) return null;
  const { kind, files, folders, why } = raw as Record<string, unknown>;
  if (kind === 'gone') return { kind };
  if (kind === 'refused') return typeof why === 'string' ? { kind, why } : null;
  if (kind !== 'unpacked' || !Array.isArray(files) || !Array.isArray(folders)) return null;
  const all = files.map(decodeFile);
  const paths = folders.map(parseRelPath);
  if (!all.every((file) => file !== null) || !paths.every((path) => path !== null)) return null;
  return { kind, folders: paths, files: all };
}

/** Files that shall come as one pack. */
export interface PackRequest {
  /** Of the pack. */
  readonly slot: string;
  readonly files: readonly { readonly slot: string; readonly path: RelPath }[];
}

export type PackAnswer =
  /** It is there, with those of the files that could be read whole. */
  | { readonly kind: 'packed' }
  /** Nobody wants it any more. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly why: string };

/** As JSON can carry it. */
export function encodePackRequest({ slot, files }: PackRequest): unknown {
  return { slot, files: files.map((file) => [file.slot, file.path]) };
}

function decodeWanted(raw: unknown): PackRequest['files'][number] | null {
  if (!Array.isArray(raw)) return null;
  const [slot, text] = raw as readonly unknown[];
  const path = parseRelPath(text);
  return typeof slot !== 'string' || path === null || path === '' || isOwn(path) ? null : { slot, path };
}

/** null: nothing that may be done. Slots are not looked at here. */
export function decodePackRequest(raw: unknown): PackRequest | null {
  if (typeof raw !== 'object' || raw === null) return null;
  const { slot, files } = raw as Record<string, unknown>;
  if (typeof slot !== 'string' || !Array.isArray(files)) return null;
  const all = files.map(decodeWanted);
  return all.every((file) => file !== null) ? { slot, files: all } : null;
}

/** null: nothing that can be relied on. */
export function decodePackAnswer(raw: unknown): PackAnswer | null {
  if (typeof raw !== 'object' || raw === null) return null;
  const { kind, why } = raw as Record<string, unknown>;
  if (kind === 'packed' || kind === 'gone') return { kind };
  return kind === 'refused' && typeof why === 'string' ? { kind, why } : null;
}
