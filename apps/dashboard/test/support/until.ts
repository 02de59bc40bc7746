import { setTimeout as pause } from 'node:timers/promises';

/** Asks until the answer is what is wanted; the last answer is in the failure. */
export async function until<T>(
  what: string,
  ask: () => Promise<T> | T,
  wanted: (answer: T) => boolean,
  ms = 60_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`${what} did not come within ${ms} ms; last: ${JSON.stringify(answer)}`);
    await pause(25);
  }
}
