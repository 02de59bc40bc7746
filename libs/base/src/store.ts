/** The one writer: rows, tombstones, journal, transfers, problems. */
import { type BaseChange, type BaseRecord, isOwn, nameOf, parentOf, type RelPath, rebase } from '@lazysync/event-model';
import type { Base, Intent, Transfer } from './base.ts';
import { encodeJson } from './json.ts';
import { lazyStatement, openDatabase, type Statement } from './open.ts';
import { createReader, rangeBelow } from './reader.ts';
import { COLUMNS, STUB_COLUMNS, toCells, toStubCells } from './row.ts';
import { cacheRows } from './row-cache.ts';

/** The root has no row: a row of it, or forgetting it, would take the whole base along. */
function notRoot(path: RelPath): void {
  if (path === '') throw new Error('the root is no entry of the base');
}

const SEALED_UNDER = 'sealed-under';

/** Older acts are forgotten. */
const ACTS_KEPT = 20_000;

/** `file` may be `:memory:`. Throws `BaseDamaged` when the file can not be used. */
export function openBase(file: string): Base {
  const db = openDatabase(file, 'write');
  const onFile = createReader(db);
  const rows = cacheRows(onFile.get);
  let pins: readonly string[] | null = null;
  /** Asked for each path of a scan, and nearly always false. null: not known any more. */
  let hasMoved: boolean | null = null;
  const reader: typeof onFile = {
    ...onFile,
    get: rows.get,
    pins: () => (pins ??= onFile.pins()),
    movedFrom: (path) => ((hasMoved ??= onFile.hasMoved()) ? onFile.movedFrom(path) : null),
  };
  const prepare = (sql: string): Statement => lazyStatement(db, sql);
  const findDir = prepare('SELECT id FROM dir WHERE path = ?');
  const anyDir = prepare('SELECT 1 FROM dir WHERE path = ? OR (path >= ? AND path < ?) LIMIT 1');
  const anyDirBelow = prepare('SELECT 1 FROM dir WHERE path >= ? AND path < ? LIMIT 1');
  const addDir = prepare('INSERT INTO dir (path) VALUES (?)');
  const putting = (columns: string): Statement => {
    const marks = columns.split(', ').map(() => '?');
    return prepare(`INSERT OR REPLACE INTO entry (dir, name, ${columns}) VALUES (?, ?, ${marks.join(', ')})`);
  };
  const putRow = putting(COLUMNS);
  const putStub = putting(STUB_COLUMNS);
  const dropEntry = prepare('DELETE FROM entry WHERE dir = ? AND name = ?');
  const dropRowsBelow = prepare(
    'DELETE FROM entry WHERE dir IN (SELECT id FROM dir WHERE path = ? OR (path >= ? AND path < ?))',
  );
  const dropDirs = prepare('DELETE FROM dir WHERE path = ? OR (path >= ? AND path < ?)');
  const moveRow = prepare('UPDATE entry SET dir = ?, name = ? WHERE dir = ? AND name = ?');
  const moveDirs = prepare(
    'UPDATE dir SET path = ? || substr(path, length(?) + 1) WHERE path = ? OR (path >= ? AND path < ?)',
  );
  const addSeal = prepare(
    'INSERT OR REPLACE INTO seal (dir, local, remote, names) SELECT id, ?, ?, ? FROM dir WHERE path = ?',
  );
  const dropSeal = prepare('DELETE FROM seal WHERE dir = ?');
  const dropSealsBelow = prepare(
    'DELETE FROM seal WHERE dir IN (SELECT id FROM dir WHERE path = ? OR (path >= ? AND path < ?))',
  );
  const dropSeals = prepare('DELETE FROM seal');
  const addTombstone = prepare('INSERT INTO tombstone (path, trashed) VALUES (?, ?)');
  const originalOf = prepare('SELECT path FROM tombstone WHERE trashed = ?');
  const dropTombstones = prepare('DELETE FROM tombstone WHERE trashed = ? OR (trashed >= ? AND trashed < ?)');
  const addMoved = prepare('INSERT OR REPLACE INTO moved (path, from_path) VALUES (?, ?)');
  const moveMoved = prepare(
    'UPDATE moved SET path = ? || substr(path, length(?) + 1) WHERE path = ? OR (path >= ? AND path < ?)',
  );
  const dropMoved = prepare('DELETE FROM moved WHERE path = ? OR (path >= ? AND path < ?)');
  const addIntent = prepare('INSERT OR REPLACE INTO intent (slot, side, step, at) VALUES (?, ?, ?, ?)');
  const dropIntent = prepare('DELETE FROM intent WHERE slot = ?');
  const addTransfer = prepare('INSERT OR REPLACE INTO transfer (id, path, state, body) VALUES (?, ?, ?, ?)');
  const dropTransfer = prepare('DELETE FROM transfer WHERE id = ?');
  const addProblem = prepare(
    `INSERT INTO problem (path, code, side, message, since) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (path) DO UPDATE SET code = excluded.code, side = excluded.side, message = excluded.message`,
  );
  const dropProblem = prepare('DELETE FROM problem WHERE path = ?');
  const dropProblemsBelow = prepare('DELETE FROM problem WHERE path = ? OR (path >= ? AND path < ?)');
  const addConflict = prepare('INSERT OR REPLACE INTO conflict (conflict, path, at) VALUES (?, ?, ?)');
  const dropConflict = prepare('DELETE FROM conflict WHERE conflict = ?');
  const dropConflicts = prepare('DELETE FROM conflict WHERE conflict = ? OR (conflict >= ? AND conflict < ?)');
  const moveConflicts = prepare(
    'UPDATE OR REPLACE conflict SET conflict = ? || substr(conflict, length(?) + 1) WHERE conflict >= ? AND conflict < ?',
  );
  const addAct = prepare('INSERT INTO act (at, path, act, why) VALUES (?, ?, ?, ?)');
  const trimActs = prepare('DELETE FROM act WHERE id <= ?');
  const addPin = prepare('INSERT OR IGNORE INTO pin (pattern) VALUES (?)');
  const dropPin = prepare('DELETE FROM pin WHERE pattern = ?');
  const addMeta = prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  const addCommand = prepare('INSERT OR IGNORE INTO command (id, result) VALUES (?, ?)');

  /** The folder that was asked for last: the rows of one folder come one after the other. Known within one transaction. */
  let lastDir: { readonly path: RelPath; readonly id: number | bigint; readonly hasFolders: boolean } | null = null;
  const dirOf = (path: RelPath): NonNullable<typeof lastDir> => {
    if (lastDir?.path === path) return lastDir;
    const row = findDir.get(path) as { id: number } | undefined;
    const id = row === undefined ? addDir.run(path).lastInsertRowid : row.id;
    // Who asks is about to change a row in it.
    dropSeal.run(id);
    const hasFolders = anyDirBelow.get(...rangeBelow(path)) !== undefined;
    return (lastDir = { path, id, hasFolders });
  };
  const dropRow = (path: RelPath): void => {
    const dir = findDir.get(parentOf(path)) as { id: number } | undefined;
    if (dir === undefined) return;
    dropEntry.run(dir.id, nameOf(path));
    dropSeal.run(dir.id);
  };
  const dropBelow = (path: RelPath): void => {
    lastDir = null;
    rows.clear();
    dropSealsBelow.run(path, ...rangeBelow(path));
    dropRowsBelow.run(path, ...rangeBelow(path));
    if (path !== '') dropDirs.run(path, ...rangeBelow(path));
  };
  const put = (record: BaseRecord): void => {
    notRoot(record.path);
    const { id, hasFolders } = dirOf(parentOf(record.path));
    if (record.kind === 'file' && record.form === 'stub') putStub.run(id, nameOf(record.path), ...toStubCells(record));
    else putRow.run(id, nameOf(record.path), ...toCells(record));
    if (record.kind === 'directory') {
      lastDir = null;
      if (findDir.get(record.path) === undefined) addDir.run(record.path);
    }
    // Rows left below a file would be taken for things deleted, should a directory come back under its name.
    else if (hasFolders && anyDir.get(record.path, ...rangeBelow(record.path)) !== undefined) dropBelow(record.path);
  };
  const forget = (path: RelPath): void => {
    notRoot(path);
    const range = [path, ...rangeBelow(path)] as const;
    dropRow(path);
    dropBelow(path);
    dropMoved.run(...range);
    dropConflicts.run(...range);
    if (isOwn(path)) dropTombstones.run(...range);
  };
  /** Rows, where their stubs lead, and conflicts go along; what was at `to` is forgotten. */
  const move = (from: RelPath, to: RelPath): void => {
    if (from === to) return;
    const led = ledTo(from);
    forget(to);
    const dir = findDir.get(parentOf(from)) as { id: number } | undefined;
    if (dir !== undefined) {
      moveRow.run(dirOf(parentOf(to)).id, nameOf(to), dir.id, nameOf(from));
      dropSeal.run(dir.id);
    }
    const range = [from, ...rangeBelow(from)] as const;
    // Its stubs lead elsewhere now.
    dropSealsBelow.run(...range);
    moveDirs.run(to, from, ...range);
    moveMoved.run(to, from, ...range);
    if (led !== from || !isOwn(to)) addMoved.run(to, led);
    if (isOwn(to)) return;
    // A conflict file under another name is one that somebody has dealt with.
    dropConflict.run(from);
    moveConflicts.run(to, from, ...rangeBelow(from));
  };
  /** Where the stubs of a thing that lies at `path` lead: its name before it was moved or buried. */
  const ledTo = (path: RelPath): RelPath => {
    const before = onFile.movedFrom(path);
    if (before !== null) return before;
    for (let at = path; at !== ''; at = parentOf(at)) {
      const row = originalOf.get(at) as { path: string } | undefined;
      if (row !== undefined) return rebase(path, at, row.path as RelPath);
    }
    return path;
  };
  const apply = (change: BaseChange): void => {
    if (change.kind === 'put') {
      rows.drop(change.record.path);
      return put(change.record);
    }
    lastDir = null;
    switch (change.kind) {
      case 'forget':
        forget(change.path);
        break;
      case 'move':
        move(change.from, change.to);
        break;
      case 'leads':
        addMoved.run(change.path, change.to);
        dropSealsBelow.run(change.path, ...rangeBelow(change.path));
        break;
      case 'repointed':
        dropMoved.run(change.path, ...rangeBelow(change.path));
        break;
      case 'conflict':
        moveConflicts.run(change.conflict, change.path, ...rangeBelow(change.path));
        forget(change.path);
        addConflict.run(change.conflict, change.path, Date.now());
        break;
      case 'bury':
        move(change.path, change.trashed);
        if (!isOwn(change.path)) addTombstone.run(change.path, change.trashed);
        break;
    }
    // Other rows may lie there now, and folders may have come into the one that was asked for last.
    rows.clear();
    hasMoved = null;
    lastDir = null;
  };
  /** The journal as it is in the file, whose only writer this is: it is asked for at each step. */
  const open = new Map<string, Intent>();
  const over = new Map<string, Intent>();
  const keep = (intent: Intent): void => {
    (intent.over === true ? over : open).set(intent.slot, intent);
    if (intent.over === true) open.delete(intent.slot);
  };
  for (const intent of reader.intents()) keep(intent);
  const putIntent = (intent: Intent): void => {
    const { slot, side, step, at, staged, packed, over: isOver } = intent;
    addIntent.run(slot, side, encodeJson({ step, staged, packed, over: isOver }), at);
  };
  const beginNow = prepare('BEGIN IMMEDIATE');
  const commit = prepare('COMMIT');
  let inside = false;
  const transaction = (act: () => void): void => {
    if (inside) return act();
    lastDir = null;
    beginNow.run();
    inside = true;
    try {
      act();
      commit.run();
    } catch (error) {
      db.exec('ROLLBACK');
      rows.clear();
      hasMoved = null;
      // What was kept of the journal beside the file may have been rolled back.
      open.clear();
      over.clear();
      for (const intent of reader.intents()) keep(intent);
      throw error;
    } finally {
      inside = false;
    }
  };

  return {
    ...reader,
    together: transaction,
    intents: () => [...open.values()],
    leftovers: () => [...over.values()],
    begin: (intents) => {
      transaction(() => {
        for (const intent of intents) putIntent(intent);
      });
      intents.forEach(keep);
    },
    record: (changes, cleared, acts = [], at = 0, left = []) => {
      if (changes.length === 0 && cleared.length === 0 && acts.length === 0 && left.length === 0) return;
      transaction(() => {
        for (const change of changes) apply(change);
        for (const change of changes) {
          // A conflict file that was saved as a new file is buried and put anew: it is still there.
          if (change.kind === 'bury' && reader.get(change.path) === null)
            dropConflicts.run(change.path, ...rangeBelow(change.path));
        }
        for (const slot of cleared) dropIntent.run(slot);
        for (const intent of left) putIntent({ ...intent, over: true });
        let last: number | bigint = 0;
        for (const { path, act, why } of acts) last = addAct.run(at, path, act, why).lastInsertRowid;
        if (Number(last) > ACTS_KEPT) trimActs.run(Number(last) - ACTS_KEPT);
      });
      for (const slot of cleared) for (const known of [open, over]) known.delete(slot);
      for (const intent of left) keep({ ...intent, over: true });
    },
    putSeals: (seals) => {
      if (seals.size === 0) return;
      transaction(() => {
        // Whoever changes a row from here on has to ask anew.
        lastDir = null;
        for (const [path, { local, remote, names }] of seals) addSeal.run(local, remote, names, path);
      });
    },
    keepSealsUnder: (policy) => {
      if (onFile.meta(SEALED_UNDER) === policy) return;
      transaction(() => {
        dropSeals.run();
        addMeta.run(SEALED_UNDER, policy);
      });
    },
    putPin: (pattern) => {
      pins = null;
      addPin.run(pattern);
    },
    dropPin: (pattern) => {
      pins = null;
      dropPin.run(pattern);
    },
    putTransfer: (transfer: Transfer) => {
      addTransfer.run(transfer.id, transfer.path, transfer.state, encodeJson(transfer));
    },
    dropTransfer: (id) => {
      dropTransfer.run(id);
    },
    putProblem: (problem, at) => {
      addProblem.run(problem.path, problem.code, problem.side, problem.message, at);
    },
    clearProblem: (path) => {
      dropProblem.run(path);
    },
    clearProblemsBelow: (path) => {
      dropProblemsBelow.run(path, ...rangeBelow(path));
    },
    putConflict: ({ path, conflict, at }) => {
      addConflict.run(conflict, path, at);
    },
    setMeta: (key, value) => {
      addMeta.run(key, value);
    },
    putCommand: (id, result) => {
      addCommand.run(id, result);
    },
  };
}
