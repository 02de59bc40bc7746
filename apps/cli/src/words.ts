/** How numbers and paths are shown to people. */
import os from 'node:os';
import path from 'node:path';

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `0 B`, `1.2 GB`, `340 MB`. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const text = unit === 0 || value >= 99.95 ? String(Math.round(value)) : String(Number(value.toFixed(1)));
  return `${text} ${UNITS[unit]}`;
}

/** `10,000`. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `1 stub`, `2 stubs`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A name as it may go to a terminal: control characters can not move the cursor or fake a line. */
export function safe(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => {
    if (one === '\n') return '\\n';
    if (one === '\t') return '\\t';
    return `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** With `~` for the home folder; ready to be pasted into a shell. */
export function shellPath(file: string): string {
  const home = os.homedir();
  const below = home !== '/' && file.startsWith(`${home}/`) ? file.slice(home.length + 1) : null;
  const quoted = (text: string): string => {
    if (/^[\p{L}\p{N}_@%+=:,./-]+$/u.test(text)) return text;
    if (/[\p{Cc}]/u.test(text)) return `$'${safe(text.replace(/['\\]/g, '\\$&'))}'`;
    return `'${text.replaceAll("'", `'\\''`)}'`;
  };
  return below === null ? quoted(file) : `~/${quoted(below)}`;
}

/** For tables: `~` for the home folder, nothing quoted. */
export function shortPath(file: string): string {
  const home = os.homedir();
  return safe(
    home !== '/' && (file === home || file.startsWith(`${home}${path.sep}`)) ? `~${file.slice(home.length)}` : file,
  );
}

/** Columns of equal width, two spaces between them; the last one may be as long as it likes. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  '))
    .join('\n');
}

/** `3 s ago`, `2 min ago`, `5 h ago`, `12 d ago`. */
export function ago(at: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}
