/** The text of a stub: `<realpath of LOCAL>/.lazysync/remote/<path>`. */
import { parseRelPath, type RelPath } from './rel-path.ts';

const ANCHOR_MARK = '/.lazysync/remote/';

/** Anchors through which this pair's stubs may lead: today's first, then those of a LOCAL that was moved. */
export type Anchors = readonly string[];

export function anchorOf(localRoot: string): string {
  return `${localRoot === '/' ? '' : localRoot}/.lazysync/remote`;
}

export function stubTarget(anchor: string, path: RelPath): string {
  return `${anchor}/${path}`;
}

/** Any link through any anchor is stub-shaped: never a user's link, never uploaded as a link. */
export function isStubShaped(target: string): boolean {
  return target.includes(ANCHOR_MARK);
}

/** The path a stub-shaped target stands for in this pair, or null if it leads elsewhere. */
export function stubPoints(target: string, anchors: Anchors): RelPath | null {
  for (const anchor of anchors) {
    if (target.startsWith(`${anchor}/`)) {
      const path = parseRelPath(target.slice(anchor.length + 1));
      return path === '' ? null : path;
    }
  }
  return null;
}

/**
 * The atime that a stub is given when it is made (2000-01-01), and again after each judgement. An access through the
 * link moves it: any other value means that somebody followed or read the link since.
 */
export const ARMED_ATIME_NS = 946_684_800n * 1_000_000_000n;
