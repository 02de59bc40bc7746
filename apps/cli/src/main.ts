/** The lazysync command. Each command is loaded only when it is asked for. */
import { run } from './cli.ts';

process.exitCode = await run(process.argv.slice(2));
