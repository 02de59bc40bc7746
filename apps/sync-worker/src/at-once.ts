/** At most so many at a time; the others wait in the order in which they came. */
export interface AtOnce {
  <T>(act: () => Promise<T>): Promise<T>;
}

export function atOnce(most: number): AtOnce {
  const waiting: (() => void)[] = [];
  let free = Math.max(1, most);
  return async (act) => {
    if (free > 0) free--;
    else
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    try {
      return await act();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
