/** How commands look: their examples, the options that many of them share, and what they say of wrong ones. */
import { Command } from 'commander';

/** With its examples. */
export function command(name: string, description: string, ...examples: readonly string[]): Command {
  const made = new Command(name).description(description);
  made.addHelpText('after', `\nExample:\n${examples.map((one) => `  ${one}`).join('\n')}`);
  return settle(made);
}

/** Errors are one sentence on stderr, and thrown. */
export function settle(made: Command): Command {
  return made
    .exitOverride()
    .showHelpAfterError(false)
    .configureOutput({
      outputError: (text, write) => write(`lazysync: ${sentence(text)} See "lazysync ${made.name()} --help".\n`),
    });
}

function sentence(text: string): string {
  const plain =
    text
      .replace(/^error: /, '')
      .trim()
      .split('\n')[0] ?? '';
  const begun = plain.charAt(0).toUpperCase() + plain.slice(1);
  return /[.?!]$/.test(begun) ? begun : `${begun}.`;
}

/** How a command finds its pairs. */
export function aboutPairs(made: Command): Command {
  return made
    .option('--local <DIR>', 'the local folder of a pair (default: that of the current folder)')
    .option('-c, --config <FILE>', 'the pairs of a lazysync.yaml')
    .option('--state <DIR>', 'the state folder (default: $XDG_STATE_HOME/lazysync)');
}

/** How a command begins with a pair. */
export function startsPair(made: Command): Command {
  return made
    .requiredOption('--remote <DIR>', 'the slow folder (a network mount); it is never reorganised')
    .requiredOption('--local <DIR>', 'the fast folder; made if it does not exist')
    .option('--id <NAME>', 'how the pair is called (default: from the names of its folders)')
    .option('--state <DIR>', 'the state folder, on a local disk (default: $XDG_STATE_HOME/lazysync)')
    .option('--redis <URL>', 'your own Redis (default: $REDIS_URL, else an embedded one)')
    .option('--log-level <LEVEL>', 'trace, debug, info, warn, error, fatal or silent');
}

/** `up`, or one of its processes alone. */
export function oneOf(name: string, description: string, ...examples: readonly string[]): Command {
  const up = name === 'up';
  const made = command(name, description, ...examples)
    .option('--remote <DIR>', 'the slow folder (a network mount); it is never reorganised')
    .option('--local <DIR>', 'the fast folder; made if it does not exist')
    .option('--id <NAME>', 'how the pair is called (default: from the names of its folders)')
    .option(
      '-c, --config <FILE>',
      up
        ? 'the pairs of a lazysync.yaml; changes of it are followed'
        : 'the pairs of a lazysync.yaml; changes of it are followed (default: $LAZYSYNC_CONFIG)',
    )
    .option('--state <DIR>', 'the state folder, on a local disk (default: $XDG_STATE_HOME/lazysync)')
    .option(
      '--redis <URL>',
      up
        ? 'your own Redis (default: $REDIS_URL, else an embedded one)'
        : 'the Redis that all processes of the pair share (default: $REDIS_URL)',
    )
    .option('--log-level <LEVEL>', 'trace, debug, info, warn, error, fatal or silent');
  const pins: Readonly<Record<string, string>> = {
    up: 'only these of the file',
    watch: 'these and no others; other replicas leave them to this one (default: $WATCH_PAIRS)',
    work: 'these and no others; other replicas leave them to this one (default: $WORK_PAIRS)',
  };
  const pin = pins[name];
  return pin === undefined ? made : made.option('--pairs <ID,…>', pin);
}
