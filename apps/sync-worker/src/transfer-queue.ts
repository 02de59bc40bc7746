/** Which download is next, and how many run: what somebody opened does not wait for what is only likely to be opened. */

/** Downloads that run side by side whatever their size, and the bytes up to which more join in. */
const FEW = 3;
const MUCH = 32 << 20;

export interface TransferQueue {
  /** `ahead`: after all that was opened. */
  add(id: string, ahead: boolean): void;
  /** It was its turn already. */
  addFirst(id: string): void;
  /** Somebody opened it by now. */
  hasten(id: string): void;
  /** Takes the next one that may run now, until `over` says that it has. `waits`: not this one. */
  next(waits?: (id: string) => boolean): string | undefined;
  over(id: string): void;
  /** Those that `fits` says yes to, in their order, up to `most`: of what was opened, or where that is nothing, of the rest. */
  together(most: number, fits: (id: string) => boolean): readonly string[];
  /** Takes them. They need no places. */
  takeTogether(most: number, fits: (id: string) => boolean): readonly string[];
  /** Of all that run. */
  readonly bytes: number;
}

export interface TransferQueueOptions {
  readonly sizeOf: (id: string) => number;
  readonly most: number;
  /** Under a limit more of them would only wait for one another. */
  readonly limited: boolean;
}

export function createTransferQueue({ sizeOf, most, limited }: TransferQueueOptions): TransferQueue {
  const places = limited ? Math.min(FEW, most) : most;
  // In the order in which they came; what is hastened is taken out at once.
  let opened = new Set<string>();
  const ahead = new Set<string>();
  const running = new Map<string, { readonly size: number; readonly ahead: boolean }>();
  const first = (ids: ReadonlySet<string>, waits: (id: string) => boolean): string | undefined => {
    for (const id of ids) if (!waits(id)) return id;
    return undefined;
  };
  const bytesOf = (all: readonly { readonly size: number }[]): number => all.reduce((sum, { size }) => sum + size, 0);

  function together(most: number, fits: (id: string) => boolean): readonly string[] {
    const ids: string[] = [];
    for (const id of opened.size === 0 ? ahead : opened) {
      if (ids.length === most) break;
      if (fits(id)) ids.push(id);
    }
    return ids;
  }

  return {
    add: (id, isAhead) => void (isAhead ? ahead : opened).add(id),
    addFirst(id) {
      opened = new Set([id, ...opened]);
    },
    hasten(id) {
      if (ahead.delete(id)) opened.add(id);
    },
    next(waits = () => false) {
      const isAhead = opened.size === 0;
      const id = first(isAhead ? ahead : opened, waits);
      if (id === undefined) return undefined;
      const size = sizeOf(id);
      const rivals = [...running.values()].filter((one) => isAhead || !one.ahead);
      if (rivals.length >= places || (rivals.length >= FEW && bytesOf(rivals) + size > MUCH)) return undefined;
      opened.delete(id);
      ahead.delete(id);
      running.set(id, { size, ahead: isAhead });
      return id;
    },
    over: (id) => void running.delete(id),
    together,
    takeTogether(most, fits) {
      const ids = together(most, fits);
      for (const id of ids) if (!opened.delete(id)) ahead.delete(id);
      return ids;
    },
    get bytes() {
      return bytesOf([...running.values()]);
    },
  };
}
