/** Sizes and durations as people write them. */

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const DURATIONS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Bytes: `8MiB`, `2 GB`, `512`, `Infinity`; null if it is no size. */
export function parseSize(text: string | number): number | null {
  if (typeof text === 'number') return text >= 0 && (Number.isInteger(text) || text === Infinity) ? text : null;
  const wish = text.trim();
  if (/^(infinity|unlimited|\.inf)$/i.test(wish)) return Infinity;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(wish);
  const unit = SIZES[(match?.[2] ?? '').toLowerCase()];
  if (match === null || unit === undefined) return null;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** Milliseconds: `200ms`, `2s`, `30d`; a bare number only if it is 0. null if it is no duration. */
export function parseDuration(text: string | number): number | null {
  const wish = String(text).trim();
  if (wish === '0') return 0;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(wish);
  const unit = DURATIONS[(match?.[2] ?? '').toLowerCase()];
  if (match === null || unit === undefined) return null;
  const ms = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(ms) ? ms : null;
}
