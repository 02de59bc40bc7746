/** Where bases, locks and the queue of all pairs of a user lie. */
import os from 'node:os';
import path from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** `wish` (from --state), else LAZYSYNC_STATE, else the user's state folder as XDG has it. Absolute; nothing is touched. */
export function stateDir(wish: string | undefined, env: Env = process.env): string {
  const named = wish ?? env.LAZYSYNC_STATE;
  if (named !== undefined && named !== '') return path.resolve(named);
  const xdg = env.XDG_STATE_HOME;
  // XDG says: a relative path is to be ignored.
  if (xdg !== undefined && path.isAbsolute(xdg)) return path.join(xdg, 'lazysync');
  return path.join(env.HOME ?? os.homedir(), '.local', 'state', 'lazysync');
}

/** A pair's own folder. */
export function pairStateDir(state: string, id: string): string {
  return path.join(state, id);
}

/** `~` and `~/…` as a shell reads them. */
export function expandHome(text: string, env: Env = process.env): string {
  if (text !== '~' && !text.startsWith('~/')) return text;
  return path.join(env.HOME ?? os.homedir(), text.slice(1));
}
