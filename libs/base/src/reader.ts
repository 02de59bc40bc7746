/** Everything that only reads. */
import {
  type BaseRecord,
  type Identity,
  isOwn,
  joinPath,
  nameOf,
  type ProblemCode,
  parentOf,
  type RelPath,
  rebase,
  recordIdentity,
  recordRemoteIdentity,
  type Side,
  sameIdentity,
} from '@lazysync/event-model';
import type { BaseReader, Counts, Intent, LoggedAct, StoredConflict, StoredProblem, Transfer } from './base.ts';
import { decodeJson } from './json.ts';
import { type Db, type Input, lazyStatement, openDatabase, type Statement } from './open.ts';
import { COLUMNS, fromRow, KIND, localIdentityOf, type Row, toCell } from './row.ts';

type NamedRow = Row & { readonly path: string; readonly name: string };

const E_COLUMNS = COLUMNS.split(', ')
  .map((column) => `e.${column}`)
  .join(', ');

export interface ReaderCore extends BaseReader {
  withIdentity(identity: Identity): readonly BaseRecord[];
  withRemoteIdentity(identity: Identity): readonly BaseRecord[];
  tombstone(path: RelPath): RelPath | null;
  intents(): readonly Intent[];
  movedFrom(path: RelPath): RelPath | null;
  /** Is there anything that `movedFrom` could find? */
  hasMoved(): boolean;
  remoteInodesKnown(inodes: readonly bigint[]): ReadonlySet<bigint>;
}

/**
 * All that lies below a directory begins with `path/`: it is no less than that and less than `path0`, the next character.
 * Below the root is everything: a blob comes after every text.
 */
export function rangeBelow(path: RelPath): readonly [string, string | Uint8Array] {
  return path === '' ? ['', new Uint8Array(1)] : [`${path}/`, `${path}0`];
}

/** The own folder's rows are tombstones: they are no part of what is below the root. */
const NOT_OWN = "NOT (d.path = '.lazysync' OR (d.path >= '.lazysync/' AND d.path < '.lazysync0'))";

export function createReader(db: Db): ReaderCore {
  const prepare = (sql: string): Statement => lazyStatement(db, sql, true);
  const one = prepare(`SELECT ${E_COLUMNS} FROM dir d JOIN entry e ON e.dir = d.id WHERE d.path = ? AND e.name = ?`);
  const linkOf = prepare(
    'SELECT e.l_dev, e.l_ino, e.l_birth FROM dir d JOIN entry e ON e.dir = d.id WHERE d.path = ? AND e.name = ? AND e.kind = 1',
  );
  const direct = prepare(
    `SELECT e.name, ${E_COLUMNS} FROM dir d JOIN entry e ON e.dir = d.id WHERE d.path = ? ORDER BY e.name`,
  );
  const deep = prepare(
    `SELECT d.path, e.name, ${E_COLUMNS} FROM dir d JOIN entry e ON e.dir = d.id
     WHERE d.path = ? OR (d.path >= ? AND d.path < ?) ORDER BY d.path, e.name`,
  );
  const everything = prepare(
    `SELECT d.path, e.name, ${E_COLUMNS} FROM dir d JOIN entry e ON e.dir = d.id
     WHERE ${NOT_OWN} ORDER BY d.path, e.name`,
  );
  const anyBelow = prepare(
    `SELECT 1 FROM dir d JOIN entry e ON e.dir = d.id
     WHERE d.path = ? OR (d.path >= ? AND d.path < ?) LIMIT 1`,
  );
  const agreedBelow = prepare(
    `SELECT 1 FROM dir d JOIN entry e ON e.dir = d.id
     WHERE (d.path = ? OR (d.path >= ? AND d.path < ?)) AND e.kind <> 4 LIMIT 1`,
  );
  const byInode = prepare(
    `SELECT d.path, e.name, ${E_COLUMNS} FROM entry e JOIN dir d ON d.id = e.dir WHERE e.l_ino = ?`,
  );
  const byRemoteInode = prepare(
    `SELECT d.path, e.name, ${E_COLUMNS} FROM entry e JOIN dir d ON d.id = e.dir WHERE e.r_ino = ?`,
  );
  const knownInodes = prepare(
    'SELECT DISTINCT r_ino FROM entry WHERE r_ino IN (SELECT value FROM json_each(?)) AND r_ino IS NOT NULL',
  );
  const buried = prepare('SELECT trashed, id FROM tombstone WHERE path = ? ORDER BY id DESC LIMIT 1');
  const anyMoved = prepare('SELECT 1 FROM moved LIMIT 1');
  const moved = prepare('SELECT from_path FROM moved WHERE path = ?');
  const begin = prepare('BEGIN');
  const end = prepare('COMMIT');
  const problemAt = prepare('SELECT 1 FROM problem WHERE path = ?');
  const anyProblem = prepare('SELECT 1 FROM problem LIMIT 1');
  const dataVersion = prepare('PRAGMA data_version');
  const metaOf = prepare('SELECT value FROM meta WHERE key = ?');
  const COUNT =
    'SELECT e.kind, count(*) AS n, sum(e.l_size) AS l, sum(e.r_size) AS r FROM dir d JOIN entry e ON e.dir = d.id';
  const countRows = prepare(`${COUNT} WHERE ${NOT_OWN} GROUP BY e.kind`);
  const countBelow = prepare(`${COUNT} WHERE d.path = ? OR (d.path >= ? AND d.path < ?) GROUP BY e.kind`);
  const namesOfKind = prepare(
    'SELECT e.name FROM dir d JOIN entry e ON e.dir = d.id WHERE d.path = ? AND e.kind = ? ORDER BY e.name',
  );
  const namesOf = (path: RelPath, kind: number): string[] =>
    (namesOfKind.all(path, kind) as unknown as { name: string }[]).map(({ name }) => name);
  const sealOf = prepare('SELECT local, remote, names FROM seal WHERE dir = (SELECT id FROM dir WHERE path = ?)');
  const pageOf = (folders: boolean): Statement =>
    prepare(
      `SELECT e.name, ${E_COLUMNS} FROM dir d JOIN entry e ON e.dir = d.id
       WHERE d.path = ? AND e.kind ${folders ? '=' : '<>'} 0 AND e.name > ? AND e.name >= ? AND e.name < ?
       AND NOT (d.path = '' AND e.name = '.lazysync') ORDER BY e.name LIMIT ?`,
    );
  const folderPage = pageOf(true);
  const otherPage = pageOf(false);
  const named = (rows: readonly unknown[]): BaseRecord[] =>
    (rows as readonly NamedRow[]).map((row) => fromRow(joinPath(row.path as RelPath, row.name), row));
  const prepared = new Map<string, Statement>();
  const all = <T>(sql: string, ...input: Input[]): T[] => {
    let statement = prepared.get(sql);
    if (statement === undefined) prepared.set(sql, (statement = prepare(sql)));
    return statement.all(...input) as T[];
  };

  const get = (path: RelPath): BaseRecord | null => {
    if (path === '') return null;
    const row = one.get(parentOf(path), nameOf(path)) as Row | undefined;
    return row === undefined ? null : fromRow(path, row);
  };

  return {
    get,
    stub: (path) => {
      if (path === '') return null;
      const row = linkOf.get(parentOf(path), nameOf(path)) as Pick<Row, 'l_dev' | 'l_ino' | 'l_birth'> | undefined;
      return row === undefined ? null : localIdentityOf(row);
    },
    children: (path) =>
      (direct.all(path) as unknown as NamedRow[]).map((row) => fromRow(joinPath(path, row.name), row)),
    below: (path) => named(path === '' ? everything.all() : deep.all(path, ...rangeBelow(path))),
    hasBelow: (path) => anyBelow.get(path, ...rangeBelow(path)) !== undefined,
    hasAgreedBelow: (path) => agreedBelow.get(path, ...rangeBelow(path)) !== undefined,
    directories: () =>
      all<{ path: string }>(`SELECT d.path FROM dir d WHERE ${NOT_OWN} ORDER BY d.path`).map(
        (row) => row.path as RelPath,
      ),
    folders: (path) => namesOf(path, KIND.directory),
    stubs: (path) => namesOf(path, KIND.stub),
    seal: (path) => {
      const row = sealOf.get(path) as { local: string; remote: string; names: bigint } | undefined;
      return row === undefined ? null : { ...row, names: Number(row.names) };
    },
    withIdentity: (identity) =>
      named(byInode.all(toCell(identity.ino))).filter((record) => sameIdentity(recordIdentity(record), identity)),
    withRemoteIdentity: (identity) =>
      named(byRemoteInode.all(toCell(identity.ino))).filter(
        (record) => sameIdentity(recordRemoteIdentity(record), identity) && !isOwn(record.path),
      ),
    tombstone: (path) => {
      let latest: { readonly id: bigint; readonly lies: RelPath } | null = null;
      for (let at = path; at !== ''; at = parentOf(at)) {
        const found = buried.get(at) as { trashed: string; id: bigint } | undefined;
        if (found === undefined || (latest !== null && found.id < latest.id)) continue;
        const lies = rebase(path, at, found.trashed as RelPath);
        if (get(lies) !== null) latest = { id: found.id, lies };
      }
      return latest === null ? null : latest.lies;
    },
    remoteInodesKnown: (inodes) => {
      const asked = inodes.filter((ino) => toCell(ino) === ino);
      const found = new Set(inodes.length === asked.length ? [] : inodes.filter((ino) => toCell(ino) !== ino));
      if (asked.length > 0) for (const row of knownInodes.all(`[${asked.join(',')}]`)) found.add(row.r_ino as bigint);
      return found;
    },
    hasMoved: () => anyMoved.get() !== undefined,
    movedFrom: (path) => {
      for (let at = path; at !== ''; at = parentOf(at)) {
        const found = moved.get(at) as { from_path: string } | undefined;
        if (found !== undefined) return rebase(path, at, found.from_path as RelPath);
      }
      return null;
    },
    counts: () => sumOf(countRows.all() as unknown as CountRow[]),
    version: () => Number((dataVersion.get() as { data_version: bigint }).data_version),
    countsBelow: (path) =>
      path === ''
        ? sumOf(countRows.all() as unknown as CountRow[])
        : sumOf(countBelow.all(path, ...rangeBelow(path)) as unknown as CountRow[]),
    page: (path, { after, prefix = '', limit }) => {
      // A blob comes after every text.
      const range = [prefix, prefix === '' ? new Uint8Array(1) : `${prefix}\u{10ffff}`] as const;
      const read = (statement: Statement, from: string, most: number): BaseRecord[] =>
        (statement.all(path, from, ...range, most) as unknown as NamedRow[]).map((row) =>
          fromRow(joinPath(path, row.name), row),
        );
      const folders = after?.folder === false ? [] : read(folderPage, after?.name ?? '', limit);
      const left = limit - folders.length;
      return left === 0 ? folders : [...folders, ...read(otherPage, after?.folder === false ? after.name : '', left)];
    },
    transfers: () =>
      all<{ body: string }>('SELECT body FROM transfer ORDER BY rowid').map((row) => decodeJson(row.body) as Transfer),
    problems: () =>
      all<{ path: string; code: string; side: string | null; message: string; since: bigint }>(
        'SELECT path, code, side, message, since FROM problem ORDER BY path',
      ).map(
        (row): StoredProblem => ({
          path: row.path as RelPath,
          code: row.code as ProblemCode,
          side: row.side as Side | null,
          message: row.message,
          since: Number(row.since),
        }),
      ),
    isProblem: (path) => problemAt.get(path) !== undefined,
    hasProblems: () => anyProblem.get() !== undefined,
    atOnce: (act) => {
      if (db.isTransaction) return act();
      begin.run();
      try {
        return act();
      } finally {
        end.run();
      }
    },
    conflicts: () =>
      all<{ path: string; conflict: string; at: bigint }>('SELECT path, conflict, at FROM conflict ORDER BY at').map(
        (row): StoredConflict => ({ path: row.path as RelPath, conflict: row.conflict as RelPath, at: Number(row.at) }),
      ),
    intents: () =>
      all<{ slot: string; side: string; step: string; at: bigint }>(
        'SELECT slot, side, step, at FROM intent ORDER BY rowid',
      ).map((row) => {
        const more = decodeJson(row.step) as Pick<Intent, 'step' | 'staged' | 'packed' | 'over'>;
        return { slot: row.slot, side: row.side as Side, at: Number(row.at), ...more };
      }),
    acts: ({ path, after = 0, limit }) => {
      const where = path === undefined ? 'id > ?' : 'id > ? AND path = ?';
      const sql = `SELECT id, at, path, act, why FROM act WHERE ${where} ORDER BY id DESC LIMIT ?`;
      const rows = all<{ id: bigint; at: bigint; path: string; act: string; why: string }>(
        sql,
        ...(path === undefined ? [after, limit] : [after, path, limit]),
      );
      return rows
        .map((row): LoggedAct => ({ ...row, id: Number(row.id), at: Number(row.at), path: row.path as RelPath }))
        .reverse();
    },
    pins: () => all<{ pattern: string }>('SELECT pattern FROM pin ORDER BY pattern').map((row) => row.pattern),
    commandResult: (id) => all<{ result: string }>('SELECT result FROM command WHERE id = ?', id)[0]?.result ?? null,
    meta: (key) => (metaOf.get(key) as { value: string } | undefined)?.value ?? null,
    close: () => db.close(),
  };
}

interface CountRow {
  readonly kind: bigint;
  readonly n: bigint;
  readonly l: bigint | null;
  readonly r: bigint | null;
}

function sumOf(rows: readonly CountRow[]): Counts {
  const counts = { entries: 0, directories: 0, stubs: 0, copies: 0, cachedBytes: 0, remoteBytes: 0 } satisfies Counts;
  for (const row of rows) {
    const n = Number(row.n);
    const kind = Number(row.kind);
    if (kind === 4) continue;
    counts.entries += n;
    if (kind === 0) counts.directories += n;
    if (kind === 1) counts.stubs += n;
    if (kind === 2) counts.copies += n;
    if (kind === 1 || kind === 2) counts.remoteBytes += Number(row.r ?? 0n);
    if (kind === 2) counts.cachedBytes += Number(row.l ?? 0n);
  }
  return counts;
}

/** Beside a running worker, or with nothing running. Throws `BaseDamaged`; ENOENT-like when there is no base yet. */
export function openBaseReader(file: string): BaseReader {
  return createReader(openDatabase(file, 'read'));
}
