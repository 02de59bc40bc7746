/** SIGINT, SIGTERM and SIGHUP as one abort signal, for as long as something runs. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `act` gets a signal that is aborted by the first of them; a second Ctrl-C ends the process at once. */
export async function withSignals<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    // The processes we started notice that we are gone, and end.
    if (controller.signal.aborted && name === 'SIGINT') process.exit(130);
    controller.abort(new Stopped(name));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    return await act(controller.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

/** Somebody asked us to end: no failure. */
export class Stopped extends Error {}

export function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
