import { setTimeout as pause } from 'node:timers/promises';

/** ms until `ask` says yes, asked every `everyMs`. Gives up with an error. */
export async function msUntil(what: string, ask: () => boolean, limitMs = 600_000, everyMs = 2): Promise<number> {
  const begun = performance.now();
  while (!ask()) {
    if (performance.now() - begun > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await pause(everyMs);
  }
  return performance.now() - begun;
}

export async function secondsOf(act: () => Promise<unknown> | unknown): Promise<number> {
  const begun = performance.now();
  await act();
  return (performance.now() - begun) / 1000;
}
