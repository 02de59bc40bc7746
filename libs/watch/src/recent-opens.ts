/**
 * Copies that somebody opened lately: when a new version in the remote turns one of them into a stub again, that counts as
 * an open, so that what people work with is never far away. An open by our own worker counts, too: a needless download is
 * allowed.
 */
import { lstatSync } from 'node:fs';
import type { RelPath } from '@lazysync/event-model';
import { errnoOf } from '@lazysync/ops';

/** What the kernel tells of an open of our own comes within this time, ms. */
const OWN_MS = 500;
/** More than these are not remembered: the ones opened longest ago go first. */
const MOST = 50_000;

export interface RecentOpens {
  opened(path: RelPath): void;
  /** We are about to open it ourselves. */
  byUs(path: RelPath): void;
  /** Something has changed at the path. */
  changed(path: RelPath): void;
}

export interface RecentOpensOptions {
  /** For how long an open counts, ms; 0: not at all. */
  readonly keepMs: number;
  /** ms; only differences count. */
  readonly now: () => number;
  readonly isLink: (path: RelPath) => boolean;
  readonly onAgain: (path: RelPath) => void;
}

export function createRecentOpens({ keepMs, now, isLink, onAgain }: RecentOpensOptions): RecentOpens {
  /** The oldest first. `asked`: the stub that lies there now was asked for. */
  const opens = new Map<RelPath, { readonly at: number; asked: boolean }>();

  const own = new Map<RelPath, number>();

  const forgetOld = (): void => {
    for (const [path, { at }] of opens) {
      if (now() - at <= keepMs && opens.size <= MOST) return;
      opens.delete(path);
    }
  };

  return {
    opened(path) {
      if (keepMs === 0 || now() - (own.get(path) ?? -OWN_MS) < OWN_MS) return;
      opens.delete(path);
      opens.set(path, { at: now(), asked: false });
      forgetOld();
    },
    byUs(path) {
      if (keepMs === 0) return;
      for (const [before, at] of own) if (now() - at >= OWN_MS) own.delete(before);
      own.set(path, now());
    },
    changed(path) {
      const open = opens.get(path);
      if (open === undefined) return;
      if (now() - open.at > keepMs) {
        opens.delete(path);
        return;
      }
      const wasAsked = open.asked;
      open.asked = isLink(path);
      // That it comes back is nobody's open: the time runs on.
      if (open.asked && !wasAsked) onAgain(path);
    },
  };
}

/** `root`: LOCAL, absolute. */
export function linksIn(root: string): (path: RelPath) => boolean {
  return (path) => {
    try {
      return lstatSync(`${root}/${path}`, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    } catch (error) {
      if (errnoOf(error) === null) throw error;
      return false;
    }
  };
}
