/** Every wait has an end. */

export class DeadlinePassed extends Error {
  readonly ms: number;
  constructor(what: string, ms: number) {
    super(`${what}: no answer within ${ms} ms`);
    this.ms = ms;
  }
}

/** What `promise` gives, or DeadlinePassed after `ms`. The work behind the promise is not stopped by it. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlinePassed(what, ms)), ms);
  });
  try {
    return await Promise.race([promise, passed]);
  } finally {
    clearTimeout(timer);
  }
}
