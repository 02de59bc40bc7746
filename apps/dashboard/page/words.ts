/** Numbers, sizes and states as people read them. */
import type { PairSummary } from '../src/shapes.ts';

type PairState = PairSummary['state'];

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function count(value: number): string {
  return whole.format(value);
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** 1,000 bytes are 1 kB, as disks and file managers count. */
export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit++;
  }
  const digits = unit > 0 && rest < 9.95 ? 1 : 0;
  return `${rest.toFixed(digits)} ${UNITS[unit]}`;
}

export function plural(value: number, one: string, many: string): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export const STATE_WORDS: Readonly<Record<PairState, string>> = {
  stopped: 'stopped',
  starting: 'starting',
  syncing: 'syncing',
  idle: 'in sync',
  paused: 'paused',
  held: 'waits for your yes',
  'remote-offline': 'remote offline',
  halted: 'halted',
};

/** What a state means for the one who looks at it. */
export const STATE_MEANING: Readonly<Record<PairState, string>> = {
  stopped: 'Nothing runs for this pair. Its files stay readable.',
  starting: 'Looking at both sides to find what changed meanwhile.',
  syncing: 'Changes are being carried out, one after the other.',
  idle: 'Both sides agree.',
  paused: 'Changes queue up until somebody resumes this pair.',
  held: 'Something would be deleted that nobody was seen deleting.',
  'remote-offline': 'The remote does not answer. Copies go on working, changes queue up.',
  halted: 'Something is wrong: nothing is touched until a person has looked.',
};

/** `3 s`, `2 min`, `5 h`, `12 d`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A gitignore pattern that matches this path and nothing else. */
export function patternOf(path: string, folder: boolean): string {
  const plain = path.replace(/[\\*?[\]]/g, '\\$&').replace(/ +$/, (spaces) => spaces.replaceAll(' ', '\\ '));
  return `/${plain}${folder ? '/' : ''}`;
}
