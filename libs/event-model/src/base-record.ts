/** The base: per path the last state on which both sides agreed, and what each side showed then. */
import type { FileStat, Identity, LinkPrint } from './entry.ts';
import type { RelPath } from './rel-path.ts';

/** A remote file's version: what the mount showed for it, at the mount's own granularity. */
export interface RemotePrint {
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly mode: number;
  /** Where the file system has birth times: of the file itself, by which a copy's file is known again under another name. */
  readonly identity?: Identity;
}

export interface StubRecord {
  readonly kind: 'file';
  readonly form: 'stub';
  readonly path: RelPath;
  readonly remote: RemotePrint;
  /** The link itself, as it was made. */
  readonly link: Identity;
}

export interface CopyRecord {
  readonly kind: 'file';
  readonly form: 'copy';
  readonly path: RelPath;
  readonly remote: RemotePrint;
  readonly local: FileStat;
  /** sha256 of the content both sides agreed on, hex. */
  readonly hash: string;
  /** Where the content was written: `local` content goes to the local trash when a remote change replaces it. */
  readonly origin: 'local' | 'remote';
  /**
   * The local fingerprint was taken so soon after the file's mtime that a later write of the same size may show the
   * same fingerprint: contents are compared before it is trusted.
   */
  readonly racy: boolean;
  /**
   * The remote keeps times in whole seconds, and this version was agreed on within a few seconds of its mtime: a later
   * write of the same size may show the same. Contents are compared once when that time is over, or before anything is
   * replaced or removed because of it.
   */
  readonly remoteRacy?: boolean;
}

export interface DirectoryRecord {
  readonly kind: 'directory';
  readonly path: RelPath;
  readonly local: Identity;
  readonly localMode: number;
  readonly remoteMode: number;
  /** As in a remote print. */
  readonly remote?: Identity;
}

export interface SymlinkRecord {
  readonly kind: 'symlink';
  readonly path: RelPath;
  readonly localTarget: string;
  readonly remoteTarget: string;
  /** What the remote showed of a link that was made there but can not be read back. */
  readonly remoteLink?: LinkPrint;
}

/** The local identity a row knows, by which a thing is known again under another name. */
export function recordIdentity(record: BaseRecord): Identity | null {
  switch (record.kind) {
    case 'directory':
      return record.local;
    case 'file':
      return record.form === 'stub'
        ? record.link
        : { dev: record.local.dev, ino: record.local.ino, birthNs: record.local.birthNs };
    case 'symlink':
    case 'residual':
      return null;
  }
}

/** The remote identity that a row knows: of copies and directories only, as moving a stub moves no content. */
export function recordRemoteIdentity(record: BaseRecord): Identity | null {
  if (record.kind === 'directory') return record.remote ?? null;
  return record.kind === 'file' && record.form === 'copy' ? (record.remote.identity ?? null) : null;
}

/** Something that stays on one side only: never created again on the other, never retried. */
export interface ResidualRecord {
  readonly kind: 'residual';
  readonly path: RelPath;
  readonly side: 'local' | 'remote';
  readonly why: string;
}

export type BaseRecord = StubRecord | CopyRecord | DirectoryRecord | SymlinkRecord | ResidualRecord;

export function remotePrint(stat: FileStat): RemotePrint {
  const { size, mtimeNs, mode, dev, ino, birthNs } = stat;
  return { size, mtimeNs, mode, ...rememberedIdentity({ dev, ino, birthNs }, 'identity') };
}

/** Numbers alone are dealt again after a remount: an identity counts only with its birth time. */
export function rememberedIdentity<K extends string>(identity: Identity, key: K): { readonly [key in K]?: Identity } {
  return identity.birthNs === 0n ? {} : ({ [key]: identity } as { readonly [key in K]?: Identity });
}

export function samePrint(a: RemotePrint, b: RemotePrint): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.mode === b.mode;
}
