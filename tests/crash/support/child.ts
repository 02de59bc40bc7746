/**
 * A worker that is really killed: `child.ts TOP ABILITIES POINT`. It goes on with what lies in TOP, and dies at the
 * numbered point by SIGKILL. POINT `none`: it runs to its end, and says at the acts' begin and end that it does, for
 * whoever watches its system calls.
 */
import fs from 'node:fs';
import { boot, worldAt } from './world.ts';
import type { Abilities } from './wrap.ts';

const [top, abilities, point] = process.argv.slice(2);
if (top === undefined || abilities === undefined || point === undefined) process.exit(2);
const at = point === 'none' ? null : Number(point);
const say = (what: string): boolean => fs.existsSync(`/lazysync-crash-${what}`);
// One path at a time for who counts: what is written of several at once is one transaction.
const counted = { opened: () => void say('begin'), worked: () => void say('end'), width: 1 };
const ended = await boot(worldAt(top, abilities as Abilities), at, 'kill', at === null ? counted : {});
process.stdout.write(`${JSON.stringify(ended)}\n`);
