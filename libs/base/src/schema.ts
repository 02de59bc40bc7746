/**
 * Rows hang on directory ids, so that moving a directory of a thousand files rewrites one row, and names are stored
 * once. Tombstones are ordinary rows whose path lies in the remote's trash: a move out of the trash is a move.
 */
export const SCHEMA_VERSION = 3;

const SEAL =
  'CREATE TABLE seal (dir INTEGER PRIMARY KEY, local TEXT NOT NULL, remote TEXT NOT NULL, names INTEGER NOT NULL);';

/** Version 2 knew no seals: folders get theirs when they are looked into. */
export const UPGRADE_FROM_2 = SEAL;

/** Version 1 knew no identities of the remote: what it holds goes on, and rows that are written anew get theirs. */
export const UPGRADE_FROM_1 = `
ALTER TABLE entry ADD COLUMN r_dev INTEGER;
ALTER TABLE entry ADD COLUMN r_ino INTEGER;
ALTER TABLE entry ADD COLUMN r_birth INTEGER;
CREATE INDEX entry_by_remote_inode ON entry (r_ino) WHERE r_ino IS NOT NULL;
${UPGRADE_FROM_2}
`;

export const SCHEMA = `
CREATE TABLE dir (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE entry (
  dir INTEGER NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,
  r_size INTEGER, r_mtime INTEGER, r_mode INTEGER, r_dev INTEGER, r_ino INTEGER, r_birth INTEGER,
  l_size INTEGER, l_mtime INTEGER, l_ctime INTEGER, l_mode INTEGER, l_dev INTEGER, l_ino INTEGER, l_birth INTEGER,
  hash BLOB, flags INTEGER, text1 TEXT, text2 TEXT,
  PRIMARY KEY (dir, name)
) WITHOUT ROWID;
CREATE INDEX entry_by_inode ON entry (l_ino) WHERE l_ino IS NOT NULL;
CREATE INDEX entry_by_remote_inode ON entry (r_ino) WHERE r_ino IS NOT NULL;
CREATE TABLE tombstone (path TEXT NOT NULL, trashed TEXT NOT NULL, id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE INDEX tombstone_by_path ON tombstone (path);
CREATE INDEX tombstone_by_place ON tombstone (trashed);
CREATE TABLE moved (path TEXT PRIMARY KEY, from_path TEXT NOT NULL);
CREATE TABLE intent (slot TEXT PRIMARY KEY, side TEXT NOT NULL, step TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE transfer (id TEXT PRIMARY KEY, path TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE problem (path TEXT PRIMARY KEY, code TEXT NOT NULL, side TEXT, message TEXT NOT NULL, since INTEGER NOT NULL);
CREATE TABLE conflict (conflict TEXT PRIMARY KEY, path TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE act (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, path TEXT NOT NULL, act TEXT NOT NULL, why TEXT NOT NULL);
CREATE INDEX act_by_path ON act (path);
CREATE TABLE pin (pattern TEXT PRIMARY KEY);
CREATE TABLE command (id TEXT PRIMARY KEY, result TEXT NOT NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
${SEAL}
INSERT INTO dir (id, path) VALUES (1, '');
`;
