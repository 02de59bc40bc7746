/** What came of a pack: said by whoever unpacks it beside the remote's disk, and not trusted by whoever hears it. */

/** What lies in its place now; the mount shows the same. */
export interface UnpackedFile {
  /** Of the upload that it belongs to. */
  readonly slot: string;
  readonly size: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
}

export type UnpackOutcome =
  /** Those that are in their places; of all others there is nothing. */
  | { readonly kind: 'unpacked'; readonly files: readonly UnpackedFile[] }
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
  const { kind, files, why } = raw as Record<string, unknown>;
  if (kind === 'gone') return { kind };
  if (kind === 'refused') return typeof why === 'string' ? { kind, why } : null;
  if (kind !== 'unpacked' || !Array.isArray(files)) return null;
  const all = files.map(decodeFile);
  return all.every((file) => file !== null) ? { kind, files: all } : null;
}
