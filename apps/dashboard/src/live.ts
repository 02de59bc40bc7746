/** Looks at something as long as somebody watches, and tells each watcher the parts that changed. */

/** A part of what is to be seen. */
export interface LivePart {
  /** Parts are compared by it. */
  readonly key: string;
  /** Name of the server-sent event. */
  readonly event: string;
  readonly data: string;
}

export interface Live {
  /** `send` gets what changed; the returned function ends it. */
  subscribe(send: (parts: readonly LivePart[]) => void): () => void;
  readonly watchers: number;
  close(): void;
}

export interface LiveOptions {
  /** What is to be seen now. */
  readonly read: () => Promise<readonly LivePart[]>;
  /** Pause between two looks, ms; longer where a look itself takes long. */
  readonly everyMs: number;
  readonly error: (error: unknown) => void;
}

export function createLive({ read, everyMs, error }: LiveOptions): Live {
  const watchers = new Map<(parts: readonly LivePart[]) => void, Map<string, string>>();
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
    const parts = await read();
    for (const [send, known] of watchers) {
      const changed = parts.filter(({ key, data }) => known.get(key) !== data);
      if (changed.length === 0) continue;
      for (const { key, data } of changed) known.set(key, data);
      send(changed);
    }
  };

  return {
    subscribe: (send) => {
      watchers.set(send, new Map());
      schedule(0);
      return () => watchers.delete(send);
    },
    get watchers() {
      return watchers.size;
    },
    close: () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      watchers.clear();
    },
  };
}
