/**
 * A process's configuration while it changes: the effective file is read again when somebody has written it. Where no
 * `up` does that, the process itself follows the file of the user and has it planned anew by the command line.
 */
import { spawn } from 'node:child_process';
import type { Logger } from '@lazysync/ops';
import { type EffectiveConfig, readEffective } from './effective.ts';

export interface FollowOptions {
  readonly effective: string;
  /** The user's file, and the command that makes the effective one of it; null: somebody else does. */
  readonly source: { readonly file: string; readonly command: readonly string[] } | null;
  /** Calls when the file has other content. */
  readonly follow: (file: string, changed: () => void) => { close(): Promise<void> };
  readonly changed: (config: EffectiveConfig) => void;
  readonly logger: Logger;
}

/** From the options that the command line gives to a process that is to follow the user's file by itself. */
export function sourceOf({
  config,
  plan,
}: {
  readonly config?: string;
  readonly plan?: string;
}): FollowOptions['source'] {
  if (config === undefined || plan === undefined) return null;
  const command: unknown = JSON.parse(plan);
  return { file: config, command: Array.isArray(command) ? command.map(String) : [] };
}

export interface Following {
  close(): Promise<void>;
}

/** Set for the command that is to plan and then end. */
export const PLAN_ONLY = 'LAZYSYNC_PLAN_ONLY';
/** Pairs whose folders are not to be seen here are looked for again this often, ms. */
const UNSEEN_MS = 30_000;

export function followEffective(options: FollowOptions): Following {
  const { effective, source, follow, changed, logger } = options;
  let closed = false;
  let planning = false;
  let again = false;
  let later: NodeJS.Timeout | undefined;

  const lookAgainLater = ({ unseen = [] }: EffectiveConfig): void => {
    clearTimeout(later);
    if (source === null || unseen.length === 0 || closed) return;
    later = setTimeout(plan, UNSEEN_MS);
    later.unref();
  };

  const read = (): void => {
    try {
      const config = readEffective(effective);
      lookAgainLater(config);
      changed(config);
    } catch (error) {
      logger.error({ err: error }, 'the old configuration is kept');
    }
  };

  const planOnce = async (command: readonly string[]): Promise<void> => {
    const { code, said } = await runPlan(command);
    if (closed) return;
    for (const line of said) logger[code === 0 ? 'warn' : 'error'](line);
    if (code !== 0) logger.error('The old configuration is kept.');
    lookAgainLater(readEffective(effective));
  };

  const planWhileNew = async (command: readonly string[]): Promise<void> => {
    while (again && !closed) {
      again = false;
      await planOnce(command);
    }
  };

  const plan = (): void => {
    if (source === null || closed) return;
    again = true;
    if (planning) return;
    planning = true;
    planWhileNew(source.command)
      .catch((error: unknown) => logger.error({ err: error }, 'the configuration could not be planned anew'))
      .finally(() => {
        planning = false;
      });
  };

  const files = [follow(effective, read), ...(source === null ? [] : [follow(source.file, plan)])];
  if (source !== null) lookAgainLater(readEffective(effective));
  return {
    close: async () => {
      closed = true;
      clearTimeout(later);
      await Promise.all(files.map((file) => file.close()));
    },
  };
}

interface Planned {
  readonly code: number | null;
  readonly said: readonly string[];
}

function runPlan(command: readonly string[]): Promise<Planned> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, [PLAN_ONLY]: '1' },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said: said.split('\n').filter((line) => line !== '') }));
  });
}
