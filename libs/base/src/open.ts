/** Opening the SQLite file: the only place that names node:sqlite. */
import {
  DatabaseSync,
  type SQLInputValue,
  type SQLOutputValue,
  type StatementResultingChanges,
  type StatementSync,
} from 'node:sqlite';
import { SCHEMA, SCHEMA_VERSION, UPGRADE_FROM_1, UPGRADE_FROM_2 } from './schema.ts';

export type Db = DatabaseSync;
export interface Statement {
  get(...input: Input[]): Record<string, SQLOutputValue> | undefined;
  all(...input: Input[]): Record<string, SQLOutputValue>[];
  run(...input: Input[]): StatementResultingChanges;
}
export type Input = SQLInputValue;

/** Prepared when it is used first: of a thousand bases, most processes need a few statements each. */
export function lazyStatement(db: Db, sql: string, bigints = false): Statement {
  let made: StatementSync | undefined;
  const statement = (): StatementSync => {
    if (made === undefined) {
      made = db.prepare(sql);
      made.setReadBigInts(bigints);
    }
    return made;
  };
  return {
    get: (...input: Input[]) => statement().get(...input),
    all: (...input: Input[]) => statement().all(...input),
    run: (...input: Input[]) => statement().run(...input),
  };
}

/** Thrown when the file is there but can not be used; the caller sets it aside and begins with a first-run merge. */
export class BaseDamaged extends Error {}

export function openDatabase(file: string, access: 'write' | 'read'): Db {
  const db = new DatabaseSync(file, { readOnly: access === 'read', timeout: 5_000 });
  try {
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    if (access === 'write') {
      // OFF while an empty one is made, which is no loss: a third of the time that a thousand new pairs take to start.
      db.exec(`PRAGMA synchronous = ${version === 0 ? 'OFF' : 'NORMAL'}; PRAGMA journal_mode = WAL;`);
      db.exec('PRAGMA temp_store = MEMORY;');
    }
    const change = new Map([
      [0, SCHEMA],
      [1, UPGRADE_FROM_1],
      [2, UPGRADE_FROM_2],
    ]).get(version);
    if (change !== undefined && access === 'write')
      db.exec(`BEGIN; ${change} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
    else if (version !== SCHEMA_VERSION)
      throw new BaseDamaged(`the base is of version ${version}, this program knows ${SCHEMA_VERSION}`);
    if (access === 'write') {
      // A kill loses nothing; a power cut may lose the last transactions, which a rescan finds again.
      db.exec('PRAGMA synchronous = NORMAL;');
      // A page that went bad would be met in the middle of the work, after each restart again. 60 ms for 200,000 rows.
      const { quick_check: found } = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
      if (found !== 'ok') throw new BaseDamaged(`the base ${file} is damaged: ${found}`);
    }
    db.prepare('SELECT id FROM dir WHERE id = 1').get();
    return db;
  } catch (cause) {
    db.close();
    if (cause instanceof BaseDamaged) throw cause;
    throw new BaseDamaged(`the base ${file} can not be read`, { cause });
  }
}
