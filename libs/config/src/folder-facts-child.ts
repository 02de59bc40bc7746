/** Entry of the process that looks at one folder for `lookWithin`. */
import { lookAtFolder } from './folder-facts.ts';

process.stdout.write(`${JSON.stringify(lookAtFolder(process.argv[2] ?? ''))}\n`);
