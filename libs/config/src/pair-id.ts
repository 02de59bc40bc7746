/** How pairs may be called, and how one is called when nobody named it. */
import { createHash } from 'node:crypto';
import path from 'node:path';

/** Names folders of the state folder and keys of Redis. */
const PAIR_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
const RESERVED: ReadonlySet<string> = new Set(['redis', 'logs']);
export const PAIR_ID_RULE = 'up to 63 of a-z, 0-9 and -, beginning with a letter or digit, and not "redis" or "logs"';

export function isPairId(id: string): boolean {
  return PAIR_ID.test(id) && !RESERVED.has(id);
}

/** `My Photos (2024)` becomes `my-photos-2024`. Empty if nothing is left. */
export function slugOf(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
}

/** From the real paths of both roots: the same folders always give the same id. */
export function defaultPairId(local: string, remote: string): string {
  const slug = slugOf(path.basename(local));
  const hash = createHash('sha256').update(`${local}\0${remote}`).digest('hex').slice(0, 4);
  return `${slug === '' ? 'pair' : slug}-${hash}`;
}
