/** Numbers, sizes and states as people read them. */
import type { PairState } from '@lazysync/base';

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
  halted: 'Something is wrong with a folder: nothing is touched until a person has looked.',
};
