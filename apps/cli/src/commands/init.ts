/** `lazysync init [--compose]`: writes lazysync.yaml, and what docker compose needs to work on folders of this machine. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isNetworkStorage, showPath } from '@lazysync/config';
import { loadConfig } from '@lazysync/config/load';
import { errnoOf } from '@lazysync/ops';
import {
  type EnvWish,
  envOf,
  mergeEnv,
  parseMountPoints,
  planBinds,
  SECOND_FILE,
  secondFile,
} from '../compose-files.ts';
import { refused, usage } from '../exit.ts';
import { type PairWishText, planRun } from '../plan-run.ts';
import { programName } from '../program-name.ts';

export interface InitOptions {
  readonly compose?: boolean;
  readonly remote?: string;
  readonly local?: string;
  readonly id?: string;
  readonly config?: string;
}

const NAME = 'lazysync.yaml';
/** Where docker-compose.yml lies. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

export async function init(options: InitOptions): Promise<void> {
  const compose = options.compose === true;
  const config = path.resolve(options.config ?? (compose ? path.join(ROOT, NAME) : NAME));
  const wishes = pairsOf(options, config);
  const plan = await planRun({ pairs: wishes, state: undefined, redis: undefined, logLevel: 'info' }, { alone: true });
  for (const notice of plan.notices) say(`note   ${notice}`);
  if (!fs.existsSync(config)) {
    write(config, configText(plan.pairs));
    say(`wrote  ${showPath(config)}`);
  } else say(`kept   ${showPath(config)}`);
  if (!compose) {
    say(`next   ${programName()} up -c ${showPath(config)}`);
    return;
  }
  if (!fs.existsSync(path.join(ROOT, 'docker-compose.yml')))
    throw usage(`There is no docker-compose.yml in ${showPath(ROOT)}: use a clone of the repository.`);
  const binds = planBinds(plan.pairs, parseMountPoints(fs.readFileSync('/proc/self/mountinfo', 'utf8')), (mount) =>
    isNetworkStorage({ ...mount, options: [] }),
  );
  for (const { local } of plan.pairs) makeLocal(local);
  const wish: EnvWish = { plan: binds, config, ...ownerOf(plan.pairs.map(({ local }) => local)) };
  write(path.join(ROOT, SECOND_FILE), secondFile(binds));
  const env = path.join(ROOT, '.env');
  write(env, mergeEnv(fs.existsSync(env) ? fs.readFileSync(env, 'utf8') : '', envOf(wish)), 0o600);
  say(`wrote  ${showPath(env)}, ${showPath(path.join(ROOT, SECOND_FILE))}`);
  for (const notice of binds.notices) say(`note   ${notice}`);
  say(`folders in the containers: ${binds.binds.map(({ folder }) => showPath(folder)).join(', ')} (uid ${wish.uid})`);
  say(`next   cd ${showPath(ROOT)} && docker compose up -d --build --wait && docker compose logs dashboard`);
}

function pairsOf({ remote, local, id }: InitOptions, config: string): readonly PairWishText[] {
  const named = remote !== undefined || local !== undefined;
  if (fs.existsSync(config)) {
    if (named)
      throw usage(`${showPath(config)} is there already: add the pair to it, and leave --remote and --local out.`);
    const loaded = loadConfig(config);
    if (loaded.kind === 'refused') throw usage(loaded.messages.join('\n'));
    const unnamed = loaded.pairs.find((pair) => pair.id === undefined);
    if (unnamed !== undefined)
      throw usage(`The pair of ${showPath(unnamed.local)} needs an id in ${showPath(config)}.`);
    return loaded.pairs;
  }
  if (remote === undefined || local === undefined)
    throw usage(`There is no ${showPath(config)}: name a pair with --remote DIR --local DIR, and it is written.`);
  return [{ remote, local, id }];
}

/** JSON strings are YAML strings. */
function configText(
  pairs: readonly { readonly id: string; readonly remote: string; readonly local: string }[],
): string {
  const lines = pairs.map(
    ({ id, remote, local }) =>
      `  - id: ${id}\n    remote: ${JSON.stringify(remote)}\n    local: ${JSON.stringify(local)}\n`,
  );
  return `# The pairs of folders that are kept in step.\npairs:\n${lines.join('')}`;
}

/** Docker would make it as root. */
function makeLocal(local: string): void {
  if (fs.existsSync(local)) return;
  fs.mkdirSync(local, { recursive: true });
  const { uid, gid } = fs.statSync(path.dirname(local));
  if (process.getuid?.() === 0) fs.chownSync(local, uid, gid);
}

function ownerOf(locals: readonly string[]): { readonly uid: number; readonly gid: number } {
  const owners = locals.map((local) => ({ local, stat: fs.statSync(local) }));
  const [first] = owners;
  if (first === undefined) throw usage('There is no pair.');
  const other = owners.find(({ stat }) => stat.uid !== first.stat.uid);
  if (other !== undefined)
    throw usage(
      `${showPath(first.local)} and ${showPath(other.local)} belong to different users: the services run as one of them.`,
    );
  const { uid, gid } = first.stat;
  if (uid === 0)
    throw usage(
      `${showPath(first.local)} belongs to root, as which the services do not run: give it to a user (chown).`,
    );
  return { uid, gid };
}

function write(file: string, text: string, mode = 0o644): void {
  try {
    fs.writeFileSync(file, text, { mode });
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    throw refused(`${showPath(file)} can not be written: ${code}.`);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
