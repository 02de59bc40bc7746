/** How this program was called, so that what is shown can be pasted. */

/** `./lazysync` in a clone, `lazysync` elsewhere. */
export function programName(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const { LAZYSYNC_PROGRAM: named } = env;
  return named === undefined || named === '' ? './lazysync' : named;
}
