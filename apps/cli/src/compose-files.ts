/** What `init --compose` writes: which folders have to be mounted, `.env`, and the second compose file. Pure. */
import path from 'node:path';

/** A line of /proc/self/mountinfo, as far as it matters here. */
export interface MountPoint {
  readonly mountPoint: string;
  readonly fsType: string;
  readonly source: string;
  /** Mounts made below it later reach who mounted it as a slave. */
  readonly shared: boolean;
}

export function parseMountPoints(mountinfo: string): MountPoint[] {
  const plain = (text: string): string =>
    text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return mountinfo.split('\n').flatMap((line): MountPoint[] => {
    const [front = '', back = ''] = line.split(' - ', 2);
    const fields = front.split(' ');
    const [fsType, source = ''] = back.split(' ');
    const mountPoint = fields[4];
    if (mountPoint === undefined || fsType === undefined || fsType === '') return [];
    const shared = fields.slice(6).some((one) => one.startsWith('shared:'));
    return [{ mountPoint: plain(mountPoint), fsType, source: plain(source), shared }];
  });
}

export function mountHolding(mounts: readonly MountPoint[], file: string): MountPoint | null {
  let best: MountPoint | null = null;
  for (const mount of mounts) {
    if (!isAtOrBelow(file, mount.mountPoint)) continue;
    // A later line of the same length was mounted over the earlier one.
    if (best === null || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

function isAtOrBelow(file: string, folder: string): boolean {
  return folder === '/' || file === folder || file.startsWith(`${folder}/`);
}

export interface Roots {
  readonly local: string;
  readonly remote: string;
}

export interface Bind {
  readonly folder: string;
  /** A remote may be mounted below it while the containers run. */
  readonly follows: boolean;
}

export interface ComposePlan {
  readonly binds: readonly Bind[];
  readonly propagation: 'rslave' | 'rprivate';
  /** One sentence each. */
  readonly notices: readonly string[];
}

/**
 * A network mount is reached through the folder above its mount point: a bind of the mount point itself stays dead when
 * the mount dies and is made anew.
 */
export function planBinds(
  pairs: readonly Roots[],
  mounts: readonly MountPoint[],
  isNetwork: (mount: MountPoint) => boolean,
): ComposePlan {
  const notices: string[] = [];
  const wanted: Bind[] = [];
  for (const { local, remote } of pairs) {
    wanted.push({ folder: local, follows: false });
    const mount = mountHolding(mounts, remote);
    if (mount === null || !isNetwork(mount)) {
      wanted.push({ folder: remote, follows: false });
      continue;
    }
    const above = path.dirname(mount.mountPoint);
    if (above !== '/') wanted.push({ folder: above, follows: true });
    else {
      wanted.push({ folder: mount.mountPoint, follows: false });
      notices.push(
        `${mount.mountPoint} is mounted in the root folder, which can not be given to a container: after it was mounted anew, run "docker compose restart".`,
      );
    }
  }
  const binds = withoutInner(wanted);
  const following = binds.filter(({ follows }) => follows);
  const isShared = following.every(({ folder }) => mountHolding(mounts, folder)?.shared === true);
  if (!isShared) {
    const folders = following.map(({ folder }) => folder).join(', ');
    notices.push(
      `Mounts below ${folders} are not shared with containers on this machine: a remote that is mounted or mounted anew later is only seen after "docker compose restart".`,
    );
  }
  return { binds, propagation: isShared ? 'rslave' : 'rprivate', notices };
}

function withoutInner(all: readonly Bind[]): Bind[] {
  const folders = [...new Set(all.map(({ folder }) => folder))];
  const outer = folders.filter((one) => !folders.some((other) => other !== one && isAtOrBelow(one, other)));
  return outer.map((folder) => ({
    folder,
    follows: all.some((one) => one.follows && isAtOrBelow(one.folder, folder)),
  }));
}

export interface EnvWish {
  readonly plan: ComposePlan;
  readonly config: string;
  readonly uid: number;
  readonly gid: number;
}

export const SECOND_FILE = 'docker-compose.folders.yml';

const folderName = (index: number): string => (index === 0 ? 'LAZYSYNC_FOLDERS' : `LAZYSYNC_FOLDERS_${index + 1}`);

/** The names that are ours, in order. */
export function envOf({ plan, config, uid, gid }: EnvWish): readonly (readonly [name: string, value: string])[] {
  return [
    ['COMPOSE_FILE', `docker-compose.yml:${SECOND_FILE}`],
    ...plan.binds.map(({ folder }, index) => [folderName(index), folder] as const),
    ['LAZYSYNC_PROPAGATION', plan.propagation],
    ['LAZYSYNC_CONFIG', config],
    ['LAZYSYNC_UID', String(uid)],
    ['LAZYSYNC_GID', String(gid)],
  ];
}

const OURS = /^\s*(?:COMPOSE_FILE|LAZYSYNC_(?:FOLDERS(?:_\d+)?|PROPAGATION|CONFIG|UID|GID))\s*=/;

/** What was in the file stays, but for our own names. */
export function mergeEnv(before: string, values: ReturnType<typeof envOf>): string {
  const kept = before.split('\n').filter((line) => !OURS.test(line));
  while (kept.at(-1) === '') kept.pop();
  return `${[...kept, ...values.map(([name, value]) => `${name}=${quoted(value)}`)].join('\n')}\n`;
}

/** As compose reads a value: between single quotes nothing is replaced. */
function quoted(text: string): string {
  if (/^[A-Za-z0-9_./:@%+,-]*$/.test(text)) return text;
  return `'${text.replaceAll("'", "\\'")}'`;
}

/** Lists are replaced, not added to: the demo's folders are not wanted here. */
export function secondFile(plan: ComposePlan): string {
  const binds = plan.binds.map(({ follows }, index) => {
    const name = `\${${folderName(index)}}`;
    const bind = follows
      ? '{ propagation: "${LAZYSYNC_PROPAGATION}", create_host_path: false }'
      : '{ create_host_path: false }';
    return `{ type: bind, source: "${name}", target: "${name}", bind: ${bind} }`;
  });
  const config =
    '{ type: bind, source: "${LAZYSYNC_CONFIG}", target: "${LAZYSYNC_CONFIG}", read_only: true, bind: { create_host_path: false } }';
  const service = (name: string, volumes: readonly string[]): string =>
    [`  ${name}:`, '    volumes: !override', ...volumes.map((one) => `      - ${one}`)].join('\n');
  const state = '{ type: volume, source: folders-state, target: /state }';
  const token = '{ type: volume, source: dashboard, target: /dashboard }';
  return `# Written by \`lazysync init --compose\`; written anew by the next one. Named by COMPOSE_FILE in .env.
# Your folders, at the same paths as on this machine: a stub is a link with an absolute path.
services:
${service('volumes', [state, token])}
${service('watcher', [...binds, config, state])}
${service('sync-worker', [...binds, config, state])}
${service('dashboard', [config, state, token])}

volumes:
  folders-state:
`;
}
