/** What can be seen of lanes from outside, without BullMQ: commands that answer at once load no more than they need. */
export { laneView } from './counts.ts';
export { openRedis } from './link.ts';
export { ping } from './ping.ts';
