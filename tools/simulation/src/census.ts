/**
 * Every content a user ever wrote, and what users knowingly did to it since. At the end each one has to be where it
 * belongs, unless a user replaced or removed it.
 */
import type { Inode, Tree } from './tree.ts';

export interface Version {
  readonly text: string;
  /** Where it was written, for people. */
  readonly where: string;
  /** A user overwrote or removed this very content. */
  destroyed: boolean;
  /** A user removed a stub that showed it: it may be in the trash. */
  dismissed: boolean;
  /** Written into a file while a step was at work on it: the trash is good enough. */
  soft: boolean;
  /** Replaced inside a window that the code marks RACE. */
  raced: boolean;
}

export interface Census {
  wrote(text: string, where: string, soft: boolean): void;
  destroyed(text: string): void;
  dismissed(text: string): void;
  raced(text: string): void;
  knows(text: string): boolean;
  readonly versions: ReadonlyMap<string, Version>;
}

export function createCensus(): Census {
  const versions = new Map<string, Version>();
  return {
    versions,
    knows: (text) => text === '' || versions.has(text),
    wrote(text, where, soft) {
      if (text === '') return;
      versions.set(text, { text, where, destroyed: false, dismissed: false, soft, raced: false });
    },
    destroyed(text) {
      const one = versions.get(text);
      if (one !== undefined) one.destroyed = true;
    },
    dismissed(text) {
      const one = versions.get(text);
      if (one !== undefined) one.dismissed = true;
    },
    raced(text) {
      const one = versions.get(text);
      if (one !== undefined) one.raced = true;
    },
  };
}

export function isOwnPath(path: string): boolean {
  return path === '.lazysync' || path.startsWith('.lazysync/');
}

export function isVisible(tree: Tree, node: Inode): boolean {
  return tree.pathsOf(node).some((path) => !isOwnPath(path));
}

/** Contents of all files, those that users see apart from those in the own folder. */
export function contentsOf(tree: Tree): { readonly visible: ReadonlyMap<string, string>; readonly kept: Set<string> } {
  const visible = new Map<string, string>();
  const kept = new Set<string>();
  tree.walk((path, node) => {
    if (node.kind !== 'file') return;
    if (isOwnPath(path)) kept.add(node.text);
    else visible.set(node.text, path);
  });
  return { visible, kept };
}
