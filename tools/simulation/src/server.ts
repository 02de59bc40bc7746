/** Whoever runs beside the remote's disk: packs and unpacks for clients, and may be late, be killed, or not be heard. */
import type { PackAnswer, PackRequest, UnpackOutcome } from '@lazysync/event-model';
import { type FsPort, packFiles, unpack } from '@lazysync/replica';
import { Mount, type MountOptions } from './mount.ts';
import type { Random } from './random.ts';
import type { Owner, Scheduler } from './scheduler.ts';
import type { Tree } from './tree.ts';

const DISK: MountOptions = {
  dev: 9n,
  stepNs: 1n,
  identity: true,
  renameFlags: true,
  hardLinks: true,
  cacheMs: 0,
  cost: 0.2,
};
const DEADLINE_MS = 15_000;
const LATE_MS = 14_990;

export interface ServerOptions {
  readonly remoteTree: Tree;
  readonly scheduler: Scheduler;
  readonly random: Random;
}

/** `client`: whose doing it is. `asker` hears of it as long as it lives; null: too late, or never. */
function atServer<T>(
  { remoteTree, scheduler, random }: ServerOptions,
  client: string,
  asker: Owner,
  act: (fs: FsPort) => Promise<T>,
): Promise<T | null> {
  const server: Owner = { name: 'server', dead: false };
  const fs = new Mount(remoteTree, DISK, scheduler).port(server, client);
  return new Promise((resolve, reject) => {
    scheduler.after(asker, DEADLINE_MS, () => resolve(null));
    const isHeard = !random.chance(0.1);
    const begin = (): void => {
      act(fs).then(
        (outcome) => {
          if (isHeard && !asker.dead) resolve(outcome);
        },
        (error: unknown) => reject(error as Error),
      );
    };
    scheduler.after(server, random.chance(0.1) ? LATE_MS : 1, begin);
    if (random.chance(0.1)) {
      scheduler.after(server, 1 + random.below(12), () => {
        server.dead = true;
      });
    }
  });
}

export function unpackAtServer(
  options: ServerOptions,
  client: string,
  asker: Owner,
  slot: string,
): Promise<UnpackOutcome | null> {
  return atServer(options, client, asker, (fs) => unpack(fs, slot, () => Math.floor(options.scheduler.now())));
}

export function packAtServer(
  options: ServerOptions,
  client: string,
  asker: Owner,
  request: PackRequest,
): Promise<PackAnswer | null> {
  return atServer(options, client, asker, (fs) => packFiles(fs, request));
}
