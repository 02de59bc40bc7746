/** Looks at the pairs as long as somebody watches, and tells all watchers when something changed. */

export interface Live {
  /** `send` gets each message; the returned function ends it. */
  subscribe(send: (message: string) => void): () => void;
  close(): void;
}

export interface LiveOptions {
  /** What is to be seen now, as the text of a message. */
  readonly read: () => Promise<string>;
  /** Pause between two looks, ms; longer where a look itself takes long. */
  readonly everyMs: number;
  readonly error: (error: unknown) => void;
}

export function createLive({ read, everyMs, error }: LiveOptions): Live {
  const watchers = new Map<(message: string) => void, string | null>();
  let timer: NodeJS.Timeout | null = null;
  let looking = false;
  let closed = false;

  const schedule = (ms: number): void => {
    if (closed || looking || watchers.size === 0) return;
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      looking = true;
      const begun = performance.now();
      look()
        .catch(error)
        .finally(() => {
          looking = false;
          // Counting a million rows must not become this process's main work.
          schedule(Math.max(everyMs, 10 * (performance.now() - begun)));
        });
    }, ms);
  };

  const look = async (): Promise<void> => {
    const message = await read();
    for (const [send, last] of watchers) {
      if (last === message) continue;
      watchers.set(send, message);
      send(message);
    }
  };

  return {
    subscribe: (send) => {
      watchers.set(send, null);
      schedule(0);
      return () => watchers.delete(send);
    },
    close: () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      watchers.clear();
    },
  };
}
