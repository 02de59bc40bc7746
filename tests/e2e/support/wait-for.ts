/** Waits for a condition, never for time. */
export async function waitFor<T>(
  what: string,
  deadlineMs: number,
  look: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const until = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    const begun = performance.now();
    try {
      const seen = await look();
      if (seen !== false && seen !== null && seen !== undefined) return seen as NonNullable<T>;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (Date.now() > until)
      throw new Error(
        `not within ${deadlineMs} ms: ${what} (last: ${last instanceof Error ? last.message : String(last)})`,
      );
    // A look by a process of its own takes from what is waited for: half of the time is left to that.
    await new Promise((resolve) => setTimeout(resolve, Math.min(500, Math.max(25, performance.now() - begun))));
  }
}
