/**
 * Entry of the process that looks at folders for `lookAtAll`: a JSON list of paths on stdin; an empty line when it has
 * begun, and a line of JSON for each.
 */
import fs from 'node:fs';
import { lookAtFolder } from './folder-facts.ts';

const files = JSON.parse(fs.readFileSync(0, 'utf8')) as readonly string[];
fs.writeSync(1, '\n');
// One by one, and each told at once: the next one may hang.
for (const file of files) fs.writeSync(1, `${JSON.stringify(lookAtFolder(file))}\n`);
