/** What the state folder knows of a pair: `<state>/<id>/pair.json`, as in LOCAL. */
import fs from 'node:fs';
import path from 'node:path';
import { pairStateDir } from '@lazysync/config';
import type { PairFile } from '@lazysync/replica/anchor';

export function readPairRecord(state: string, id: string): PairFile | null {
  try {
    const record = JSON.parse(fs.readFileSync(path.join(pairStateDir(state, id), 'pair.json'), 'utf8')) as PairFile;
    return record.v === 1 && typeof record.local === 'string' && typeof record.remote === 'string' ? record : null;
  } catch {
    return null; // never started, or half removed: as if it had never been
  }
}

export function writePairRecord(state: string, pair: PairFile): void {
  const file = path.join(pairStateDir(state, pair.id), 'pair.json');
  const temp = `${file}.${process.pid}`;
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.rmSync(temp, { force: true });
  fs.writeFileSync(temp, `${JSON.stringify(pair, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  fs.renameSync(temp, file);
}
