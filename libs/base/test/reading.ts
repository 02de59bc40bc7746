/** A process that reads beside the writer until it saw enough rows. Arguments: the file, how many. */
import { writeSync } from 'node:fs';
import { openBaseReader } from '../src/index.ts';
import { at } from './records.ts';

const [, , file = '', enough = '0'] = process.argv;
const reader = openBaseReader(file);
let looks = 0;
let seen = 0;
let before = 0;
let odd = 0;
const deadline = Date.now() + 30_000;
while (seen < Number(enough) && Date.now() < deadline) {
  seen = reader.below(at('even')).length;
  if (seen % 2 !== 0 || seen < before) odd++;
  before = seen;
  looks++;
}
reader.close();
writeSync(1, JSON.stringify({ looks, seen, odd }));
