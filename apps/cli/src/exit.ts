/** How a command ends. */

/** The exit codes that scripts may rely on. */
export const EXIT = {
  ok: 0,
  /** Failed, or refused by the situation: a second `up`, Redis unreachable, nothing running. */
  refused: 1,
  /** Usage, or folders that can not be a pair. */
  usage: 2,
  /** Timed out, or not at rest. */
  notAtRest: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command with one sentence on stderr. Expected: no stack is shown. */
export class CliError extends Error {
  readonly code: ExitCode;
  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What was started can not be kept running. */
export class GaveUp extends CliError {}

export const usage = (message: string): CliError => new CliError(EXIT.usage, message);
export const refused = (message: string): CliError => new CliError(EXIT.refused, message);
export const notAtRest = (message: string): CliError => new CliError(EXIT.notAtRest, message);
