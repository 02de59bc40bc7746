import { parseDuration, showPath } from '@lazysync/config';
import { usage } from './exit.ts';

/** `60s`, `5m`; a bare number counts as seconds. ms. */
export function timeoutOf(text: string): number {
  const ms = parseDuration(/^\d+(\.\d+)?$/.test(text) ? `${text}s` : text);
  if (ms === null) throw usage(`The time ${showPath(text)} after --timeout is no duration such as 30s or 5m.`);
  return ms;
}
