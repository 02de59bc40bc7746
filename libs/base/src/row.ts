/** A base record as one row, and back. */
import type { BaseRecord, Identity, RelPath, StubRecord } from '@lazysync/event-model';

export const KIND = { directory: 0, stub: 1, copy: 2, symlink: 3, residual: 4 } as const;
const RACY = 1;
const FROM_LOCAL = 2;
const REMOTE_RACY = 4;

type Cell = number | bigint | string | null | Uint8Array;

/** Order of the columns in every statement that writes or reads a whole row. */
export const COLUMNS =
  'kind, r_size, r_mtime, r_mode, r_dev, r_ino, r_birth, l_size, l_mtime, l_ctime, l_mode, l_dev, l_ino, l_birth, hash, flags, text1, text2';

export type RowCells = readonly Cell[];

const INT64_MAX = 2n ** 63n - 1n;

/** SQLite's integers have 64 bits with a sign; inodes have none, and times far off have more: those are kept as text. */
export function toCell(value: bigint): bigint | Uint8Array {
  return value <= INT64_MAX && value >= -INT64_MAX ? value : Buffer.from(value.toString());
}

function fromCell(cell: bigint | Uint8Array | null): bigint {
  if (cell === null) return 0n;
  return typeof cell === 'bigint' ? cell : BigInt(Buffer.from(cell).toString());
}

const identityCells = ({ dev, ino, birthNs }: Identity): Cell[] => [toCell(dev), toCell(ino), toCell(birthNs)];

const remoteCells = (identity: Identity | undefined): Cell[] =>
  identity === undefined ? none(3) : identityCells(identity);

const none = (count: number): null[] => new Array<null>(count).fill(null);

/** Of anything but a stub: see toStubCells. */
export function toCells(record: Exclude<BaseRecord, StubRecord>): RowCells {
  switch (record.kind) {
    case 'directory':
      return [
        KIND.directory,
        null,
        null,
        record.remoteMode,
        ...remoteCells(record.remote),
        null,
        null,
        null,
        record.localMode,
        ...identityCells(record.local),
        ...none(4),
      ];
    case 'symlink':
      return [
        KIND.symlink,
        record.remoteLink?.size ?? null,
        record.remoteLink === undefined ? null : toCell(record.remoteLink.mtimeNs),
        ...none(13),
        record.localTarget,
        record.remoteTarget,
      ];
    case 'residual':
      return [KIND.residual, ...none(15), record.side, record.why];
    case 'file': {
      const { size, mode } = record.remote;
      const mtimeNs = toCell(record.remote.mtimeNs);
      const { local } = record;
      return [
        KIND.copy,
        size,
        mtimeNs,
        mode,
        ...remoteCells(record.remote.identity),
        local.size,
        toCell(local.mtimeNs),
        toCell(local.ctimeNs),
        local.mode,
        ...identityCells(local),
        Buffer.from(record.hash, 'hex'),
        (record.racy ? RACY : 0) |
          (record.origin === 'local' ? FROM_LOCAL : 0) |
          (record.remoteRacy === true ? REMOTE_RACY : 0),
        null,
        null,
      ];
    }
  }
}

/** Of a stub, the columns that are not null: a first mirror writes a million of them. */
export const STUB_COLUMNS = 'kind, r_size, r_mtime, r_mode, l_dev, l_ino, l_birth';

export function toStubCells({ remote, link }: StubRecord): RowCells {
  return [KIND.stub, remote.size, toCell(remote.mtimeNs), remote.mode, ...identityCells(link)];
}

export interface Row {
  readonly kind: bigint;
  readonly r_size: bigint | null;
  readonly r_mtime: bigint | Uint8Array | null;
  readonly r_mode: bigint | null;
  readonly r_dev: bigint | Uint8Array | null;
  readonly r_ino: bigint | Uint8Array | null;
  readonly r_birth: bigint | Uint8Array | null;
  readonly l_size: bigint | null;
  readonly l_mtime: bigint | Uint8Array | null;
  readonly l_ctime: bigint | Uint8Array | null;
  readonly l_mode: bigint | null;
  readonly l_dev: bigint | Uint8Array | null;
  readonly l_ino: bigint | Uint8Array | null;
  readonly l_birth: bigint | Uint8Array | null;
  readonly hash: Uint8Array | null;
  readonly flags: bigint | null;
  readonly text1: string | null;
  readonly text2: string | null;
}

function remoteIdentityIn<K extends string>(row: Row, key: K): { readonly [key in K]?: Identity } {
  if (row.r_ino === null) return {};
  const identity = { dev: fromCell(row.r_dev), ino: fromCell(row.r_ino), birthNs: fromCell(row.r_birth) };
  return { [key]: identity } as { readonly [key in K]?: Identity };
}

export function localIdentityOf(row: Pick<Row, 'l_dev' | 'l_ino' | 'l_birth'>): Identity {
  return { dev: fromCell(row.l_dev), ino: fromCell(row.l_ino), birthNs: fromCell(row.l_birth) };
}

export function fromRow(path: RelPath, row: Row): BaseRecord {
  switch (Number(row.kind)) {
    case KIND.directory:
      return {
        kind: 'directory',
        path,
        local: localIdentityOf(row),
        localMode: Number(row.l_mode),
        remoteMode: Number(row.r_mode),
        ...remoteIdentityIn(row, 'remote'),
      };
    case KIND.symlink:
      return {
        kind: 'symlink',
        path,
        localTarget: row.text1 ?? '',
        remoteTarget: row.text2 ?? '',
        ...(row.r_size === null ? {} : { remoteLink: { size: Number(row.r_size), mtimeNs: fromCell(row.r_mtime) } }),
      };
    case KIND.residual:
      return { kind: 'residual', path, side: row.text1 === 'remote' ? 'remote' : 'local', why: row.text2 ?? '' };
    default: {
      const remote = {
        size: Number(row.r_size),
        mtimeNs: fromCell(row.r_mtime),
        mode: Number(row.r_mode),
        ...remoteIdentityIn(row, 'identity'),
      };
      if (Number(row.kind) === KIND.stub) {
        return { kind: 'file', form: 'stub', path, remote, link: localIdentityOf(row) };
      }
      const flags = Number(row.flags);
      return {
        kind: 'file',
        form: 'copy',
        path,
        remote,
        local: {
          size: Number(row.l_size),
          mtimeNs: fromCell(row.l_mtime),
          ctimeNs: fromCell(row.l_ctime),
          mode: Number(row.l_mode),
          dev: fromCell(row.l_dev),
          ino: fromCell(row.l_ino),
          birthNs: fromCell(row.l_birth),
        },
        hash: Buffer.from(row.hash ?? new Uint8Array()).toString('hex'),
        racy: (flags & RACY) !== 0,
        origin: (flags & FROM_LOCAL) !== 0 ? 'local' : 'remote',
        ...((flags & REMOTE_RACY) !== 0 ? { remoteRacy: true } : {}),
      };
    }
  }
}
