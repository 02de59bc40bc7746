/** What is never synced: the pair's own patterns and those of `.lazysyncignore` in the remote's root, the same for all clients. */
import fs from 'node:fs';
import path from 'node:path';
import { OWN_FOLDER, type RelPath, relPath } from '@lazysync/event-model';
import { createIgnore, type Replica } from '@lazysync/replica';

export const IGNORE_FILE = relPath('.lazysyncignore');
const SLOT = 'ignore-rules';
/** A larger one is no list of patterns, bytes. */
const LIMIT = 1 << 20;

export interface IgnoreRules {
  readonly ignored: (path: RelPath, directory: boolean) => boolean;
  /** All patterns that count now. */
  readonly patterns: () => readonly string[];
  /** Reads the file anew; true when the rules have changed. Rejects with RemoteOffline. */
  reload(): Promise<boolean>;
}

export function createIgnoreRules(
  own: readonly string[],
  local: Replica,
  remote: Replica,
  localRoot: string,
): IgnoreRules {
  let shared = '';
  const patterns = (): string[] => [...own, ...shared.split(/\r?\n/)];
  let rules = createIgnore(own);

  async function read(): Promise<string> {
    const [entry] = await remote.freshLook([IGNORE_FILE]);
    if (entry?.kind !== 'file' || entry.stat.size > LIMIT) return entry?.kind === 'absent' ? '' : shared;
    const outcome = await remote.fetch({ path: IGNORE_FILE, slot: SLOT, limit: null });
    if (outcome.kind !== 'staged') return shared;
    try {
      return fs.readFileSync(path.join(localRoot, OWN_FOLDER, 'stage', SLOT), 'utf8');
    } finally {
      await local.discard([SLOT]);
    }
  }

  return {
    ignored: (at, directory) => rules(at, directory),
    patterns,
    async reload() {
      const now = await read();
      if (now === shared) return false;
      shared = now;
      rules = createIgnore(patterns());
      return true;
    },
  };
}
