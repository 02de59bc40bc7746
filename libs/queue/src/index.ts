/** The ordered queue of a pair on BullMQ and Redis, and what processes of a pair say to each other beside it. */
export * from './ask.ts';
export { type ParsedAddress, parseRedisAddress, showAddress } from './connect.ts';
export { createLaneWorker, type LaneWorkerOptions } from './consume.ts';
export * from './counts.ts';
export * from './embedded.ts';
export * from './lane.ts';
export { type LaneLostWatch, onLaneLost } from './lane-lost.ts';
export { type LeaseHolder, listLeases } from './lease-list.ts';
export { type LeaseOptions, type Leases, type LeaseWish, openLeases } from './leases.ts';
export { type LinkOptions, openRedis, type RedisLink, RedisUnreachable } from './link.ts';
export * from './look.ts';
export { LANE, laneKey, pairPrefix } from './names.ts';
export * from './pause.ts';
export { type PingOutcome, ping } from './ping.ts';
export * from './presence.ts';
export { createPublisher, PublisherClosed, type PublisherOptions } from './publish.ts';
export { openShift, type Shift, type ShiftOptions } from './shift.ts';
