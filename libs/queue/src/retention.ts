/** How many finished jobs are kept for people to read: few when they are big. */

/** Jobs. */
export const KEEP_JOBS = 1000;
/** Bytes of finished jobs per pair, about. */
export const KEEP_BYTES = 32 * 1024 * 1024;

export class Retention {
  readonly #sizes: number[] = [];
  #sum = 0;
  #full = false;

  /** Counts a job in; answers how many of the newest may stay. */
  add(bytes: number): number {
    this.#sizes.push(bytes);
    this.#sum += bytes;
    while (this.#sizes.length > KEEP_JOBS || (this.#sum > KEEP_BYTES && this.#sizes.length > 1)) {
      if (this.#sum > KEEP_BYTES) this.#full = true;
      this.#sum -= this.#sizes.shift() ?? 0;
    }
    // What an earlier run left is of unknown size: it stays until this run has filled the space by itself.
    if (this.#full) return this.#sizes.length;
    return KEEP_JOBS;
  }
}
