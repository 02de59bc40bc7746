/**
 * A pair as the watcher finds it: two real folders with their markers, a base that a worker has prepared, a real Redis,
 * and this test at the end of the lane in the worker's place.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Base, openBase } from '@lazysync/base';
import { type PairSettings, writeEffective } from '@lazysync/config';
import { defaultSettings } from '@lazysync/config/schema';
import { ARMED_ATIME_NS, anchorOf, type RelPath, type SyncEvent, stubTarget } from '@lazysync/event-model';
import { AT_FDCWD, setTimes, systemClock } from '@lazysync/ops';
import { programFile } from '@lazysync/programs';
import {
  createLaneWorker,
  type EmbeddedRedis,
  type LaneWorker,
  openRedis,
  type RedisLink,
  startEmbeddedRedis,
} from '@lazysync/queue';
import { createDiskReplica, pointAnchor } from '@lazysync/replica';

const MAIN = programFile('watcher');
export const BOOT = 'boot-1';

export async function until<T>(holds: () => T, what: string, ms = 60_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const got = holds();
    if (got) return got;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export class World {
  readonly root: string;
  readonly events: SyncEvent[] = [];
  base!: Base;
  redis!: EmbeddedRedis;
  link!: RedisLink;
  watcher: ChildProcess | undefined;
  said = '';
  /** What the start scan waits for. */
  startScan: Promise<void> = Promise.resolve();
  #lane: LaneWorker | undefined;
  readonly #settings: Partial<PairSettings>;

  constructor(settings: Partial<PairSettings> = {}) {
    this.#settings = settings;
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'lazysync-watcher-')));
    for (const name of ['local', 'remote', 'state/p']) mkdirSync(join(this.root, name), { recursive: true });
  }

  local(path = ''): string {
    return join(this.root, 'local', path);
  }
  remote(path = ''): string {
    return join(this.root, 'remote', path);
  }
  get baseFile(): string {
    return join(this.root, 'state/p/base.db');
  }

  /** Redis, the configuration and the lane; no base yet. */
  async begin(): Promise<void> {
    const started = await startEmbeddedRedis({ dir: join(this.root, 'redis'), log: () => undefined });
    if (started.kind === 'failed') throw new Error(started.message);
    this.redis = started.redis;
    this.link = openRedis(this.redis.address);
    writeEffective(join(this.root, 'effective.json'), {
      v: 1,
      boot: BOOT,
      state: join(this.root, 'state'),
      redis: this.redis.address,
      pairs: [
        {
          id: 'p',
          local: this.local(),
          remote: this.remote(),
          state: join(this.root, 'state/p'),
          settings: { ...defaultSettings(), ...this.#settings },
        },
      ],
    });
    this.#lane = createLaneWorker({
      pair: 'p',
      redis: this.link,
      handlers: {
        handle: async (changeset) => {
          this.events.push(...changeset.events);
          const started = changeset.events.some((event) => event.kind === 'rescan' && event.why === 'start');
          if (started) await this.startScan;
          if (started) this.base.setMeta('ready', BOOT);
          return { kind: 'done', outcomes: [] };
        },
        refused: (reason) => {
          throw new Error(reason);
        },
        error: () => undefined,
      },
    });
  }

  /** What a worker does before it works. */
  async prepareBase(): Promise<void> {
    this.base = openBase(this.baseFile);
    this.base.setMeta('anchors', JSON.stringify([anchorOf(this.local())]));
    pointAnchor(this.local(), 'remote', this.remote());
    for (const side of ['local', 'remote'] as const) {
      const replica = createDiskReplica({
        side,
        localRoot: this.local(),
        remoteRoot: this.remote(),
        anchors: () => [anchorOf(this.local())],
        clock: systemClock,
      });
      const outcome = await replica.prepare({ pair: 'p', known: null, fresh: `uuid-of-${side}` });
      if (outcome.kind === 'refused') throw new Error(outcome.message);
      const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);
      this.base.setMeta(`probe-${side}`, JSON.stringify(outcome.probe, plain));
      this.base.setMeta(`uuid-${side}`, outcome.uuid);
      await replica.close();
    }
  }

  /** A file on the remote and its stub in local, as the base knows them. */
  async stub(...paths: readonly string[]): Promise<void> {
    const replica = { local: this.#replica('local'), remote: this.#replica('remote') };
    for (const path of paths) {
      mkdirSync(dirname(this.remote(path)), { recursive: true });
      mkdirSync(dirname(this.local(path)), { recursive: true });
      writeFileSync(this.remote(path), `content of ${path}`);
      symlinkSync(stubTarget(anchorOf(this.local()), path as RelPath), this.local(path));
      setTimes(AT_FDCWD, this.local(path), { atimeNs: ARMED_ATIME_NS });
    }
    const all = new Set(paths.flatMap((path) => path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'))));
    const wanted = [...all].sort() as RelPath[];
    const [here, there] = await Promise.all([replica.local.look(wanted), replica.remote.look(wanted)]);
    wanted.forEach((path, i) => {
      const l = here[i];
      const r = there[i];
      if (l?.kind === 'directory' && r?.kind === 'directory') {
        const record = { kind: 'directory', path, local: l.identity, localMode: l.mode, remoteMode: r.mode } as const;
        this.base.record([{ kind: 'put', record }], []);
      } else if (l?.kind === 'stub' && r?.kind === 'file') {
        const { size, mtimeNs, mode } = r.stat;
        const record = { kind: 'file', form: 'stub', path, remote: { size, mtimeNs, mode }, link: l.identity } as const;
        this.base.record([{ kind: 'put', record }], []);
      }
    });
    // Looking reads a link once.
    for (const path of paths) setTimes(AT_FDCWD, this.local(path), { atimeNs: ARMED_ATIME_NS });
    await Promise.all([replica.local.close(), replica.remote.close()]);
  }

  #replica(side: 'local' | 'remote') {
    return createDiskReplica({
      side,
      localRoot: this.local(),
      remoteRoot: this.remote(),
      anchors: () => [anchorOf(this.local())],
      clock: systemClock,
    });
  }

  spawn(): void {
    const args = [MAIN, '--effective', join(this.root, 'effective.json'), '--log-level', 'debug'];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, LAZYSYNC_BOOT: BOOT },
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    this.watcher = child;
  }

  /** Prepared, watched, the start scan carried out, and quiet. */
  async start(): Promise<void> {
    this.spawn();
    await until(
      () => this.events.some((event) => event.kind === 'rescan' && event.why === 'start'),
      `the start\n${this.said}`,
    );
    await until(() => this.said.includes('the start scan is carried out'), `word of it\n${this.said}`);
  }

  has(kind: SyncEvent['kind'], side: 'local' | 'remote', path: string): boolean {
    return this.events.some((event) => event.kind === kind && event.side === side && event.path === path);
  }

  /** Processes that the watcher forked. */
  children(): number[] {
    const pid = this.watcher?.pid;
    if (pid === undefined) return [];
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((name) => {
        try {
          return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(pid);
        } catch {
          return false; // ended meanwhile
        }
      })
      .map(Number);
  }

  /** Exit code of the watcher after SIGTERM, and how long it took, ms. */
  async terminate(): Promise<{ readonly code: number | null; readonly ms: number }> {
    const child = this.watcher;
    if (child === undefined) throw new Error('nothing runs');
    const since = performance.now();
    const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill('SIGTERM');
    const code = await exit;
    this.watcher = undefined;
    return { code, ms: performance.now() - since };
  }

  async end(): Promise<void> {
    if (this.watcher !== undefined && this.watcher.exitCode === null) await this.terminate();
    await this.#lane?.close(500);
    await this.link?.close();
    await this.redis?.stop();
    this.base?.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}
