/** A scenario: what there is, what is done, and what both sides hold in the end. */
import type { Place } from './place.ts';

export type Step = (it: Place) => void | Promise<void>;

export interface Link {
  readonly link: string;
}
/** Neither file, folder nor a link of the user's: a pipe, or a stub that is none of ours. */
export interface Strange {
  readonly strange: string;
}
/** Path -> content, a link, or null for a folder. Folders of what is named need no line of their own. */
export type Files = Readonly<Record<string, string | Link | Strange | null>>;

export interface Scene {
  readonly name: string;
  /** In the remote before the program starts. */
  readonly remote?: Files;
  /** Those of them that are copies in local before anything is done. */
  readonly copies?: readonly string[];
  /** Done while nothing runs, after both sides were in step. */
  readonly off?: Step;
  /** Done while it runs; both sides come to rest after each step. */
  readonly steps?: readonly Step[];
  /** What both sides hold at the end, and nothing else. `*` in a name stands for the time and host of a conflict file. */
  readonly ends?: Files;
  /** Besides: what stays on one side only. */
  readonly localOnly?: Files;
  readonly remoteOnly?: Files;
  /** What lies in the trash of a side afterwards, by name and content; left out: not looked at. */
  readonly remoteTrash?: Files;
  readonly localTrash?: Files;
  /** Contents that have to be found somewhere: in place, under a conflict name or in a trash. */
  readonly keeps?: readonly string[];
  /** Codes of the problems that are shown, sorted. */
  readonly problems?: readonly string[];
  /** What is left on one side only may be shown as a problem: a stub whose file the other side took away meanwhile. */
  readonly problemsMayBe?: true;
  /** A name of before and one of after that have to be one and the same file or folder of the remote. */
  readonly sameInode?: Readonly<Record<string, string>>;
  /** Names that the check looks at: they may differ. */
  readonly loose?: readonly string[];
  readonly check?: (it: Place) => void;
  /** Modes of both sides need not agree. */
  readonly anyMode?: true;
  /** A reason to leave it out on this machine, or null. */
  readonly skip?: () => string | null;
  /** Where it is run besides plain folders. */
  readonly mount?: 'all' | 'none';
}

const known = new Set<string>();

/** Names are looked for in reports: each one once. */
export function scene(name: string, rest: Omit<Scene, 'name'>): Scene {
  if (known.has(name)) throw new Error(`two scenarios are called "${name}"`);
  known.add(name);
  return { name, ...rest };
}
