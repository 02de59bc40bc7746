/** A person's wishes, carried out in the lane: each changes trees only through the same steps as everything else. */
import { localChange } from '@lazysync/action-table';
import {
  type CommandEvent,
  type CopyRecord,
  joinPath,
  nameOf,
  type PathView,
  parentOf,
  parseRelPath,
  type RelPath,
  type Side,
} from '@lazysync/event-model';
import { fill, lookAt } from './look.ts';
import type { PairPorts } from './ports.ts';
import { type PathSettler, settling } from './settle-path.ts';
import { sideBySide } from './side-by-side.ts';
import { emptyTrash, trashPlace } from './trash.ts';

export interface Commands {
  /** Answers with a sentence. Running one twice changes nothing. */
  carryOut(event: CommandEvent): Promise<string>;
}

export function createCommands(
  ports: PairPorts,
  settler: PathSettler,
  rescan: (path: RelPath) => Promise<void>,
): Commands {
  const { base } = ports;

  function rowsAt(path: RelPath) {
    const own = path === '' ? null : base.get(path);
    return [...(own === null ? [] : [own]), ...base.below(path)];
  }

  async function get(path: RelPath): Promise<string> {
    if (path !== '' && base.get(path) === null) await settler.settle(path, { side: 'both', hydrate: false });
    const stubs = rowsAt(path).filter((row) => row.kind === 'file' && row.form === 'stub');
    await sideBySide(
      stubs.map((row) => settling(settler, row.path, { side: 'local', hydrate: true })),
      ports.width,
    );
    return `${stubs.length} downloads begun`;
  }

  /** RACE: edited since it was brought to rest: what goes has to be what the base says, by its content if need be. */
  async function seenWhole(view: PathView): Promise<PathView> {
    const { local, base: row } = view;
    if (local === undefined || localChange(view, row, local).kind !== 'compare') return view;
    return await fill(ports, view, ['local-hash']);
  }

  /** Why a copy has to stay, or null when it became a stub. */
  async function freeOne(row: CopyRecord): Promise<string | null> {
    if (ports.hydration.pinned(row.path)) return 'is pinned';
    await settler.settle(row.path, { side: 'both', hydrate: false });
    const now = base.get(row.path);
    if (now?.kind !== 'file' || now.form !== 'copy') return null;
    const local = await lookAt(ports.local, row.path);
    // The copy may be the only one left: the server itself has to say that it still has this version.
    const [remote] = await ports.remote.freshLook([row.path]);
    if (local.kind !== 'file' || remote?.kind !== 'file') return 'can not be looked at';
    const { size, mtimeNs } = now.remote;
    if (remote.stat.size !== size || remote.stat.mtimeNs !== mtimeNs) return 'has changed in remote';
    const view = await seenWhole({ path: row.path, base: now, local, remote });
    if (view.local?.kind !== 'file' || !['unchanged', 'touched'].includes(localChange(view, now, view.local).kind))
      return 'has changed in local';
    const outcome = await settler.perform(
      { kind: 'dehydrate', side: 'local', path: row.path, expected: view.local, keep: false },
      view,
      null,
      'freed',
    );
    return outcome.kind === 'done' ? null : 'is in use';
  }

  async function free(path: RelPath): Promise<string> {
    let freed = 0;
    const kept: string[] = [];
    for (const row of rowsAt(path)) {
      if (row.kind !== 'file' || row.form !== 'copy') continue;
      const why = await freeOne(row);
      if (why === null) freed++;
      else kept.push(`${row.path} ${why}`);
    }
    const rest =
      kept.length === 0
        ? ''
        : `; kept: ${kept.slice(0, 5).join(', ')}${kept.length > 5 ? ` and ${kept.length - 5} more` : ''}`;
    return `${freed} freed${rest}`;
  }

  async function pin(pattern: string): Promise<string> {
    base.putPin(pattern);
    let count = 0;
    for (const row of base.below('' as RelPath)) {
      if (row.kind !== 'file' || row.form !== 'stub' || !ports.hydration.pinned(row.path)) continue;
      await settler.settle(row.path, { side: 'local', hydrate: true });
      count++;
    }
    return `pinned; ${count} downloads begun`;
  }

  /** The name if it is free on both sides, else one beside it. */
  async function freeName(path: RelPath): Promise<RelPath> {
    for (let n = 0; ; n++) {
      const at = n === 0 ? path : joinPath(parentOf(path), `${nameOf(path)} (restored${n > 1 ? ` ${n}` : ''})`);
      const here = await lookAt(ports.local, at);
      const there = await lookAt(ports.remote, at);
      if (here.kind === 'absent' && there.kind === 'absent') return at;
    }
  }

  async function restore(path: RelPath, arg: string): Promise<string> {
    const [side, slot] = arg.split(':') as [Side, string | undefined];
    const from = slot === undefined ? null : parseRelPath(trashPlace(slot, path));
    if ((side !== 'local' && side !== 'remote') || from === null) return 'no such thing in the trash';
    const entry = await lookAt(ports[side], from);
    if (entry.kind === 'absent' || entry.kind === 'unknown') return 'no such thing in the trash';
    const to = await freeName(path);
    const folder = parentOf(to);
    await settler.settle(folder, { side: 'both', hydrate: false });
    if (folder !== '' && base.get(folder)?.kind !== 'directory')
      return `could not be restored: ${folder} is no folder now`;
    const done = await settler.putBack(side, from, to, entry);
    if (!done) return 'could not be moved out of the trash';
    await settler.settle(to, { side: 'both', hydrate: false });
    if (entry.kind === 'directory') await rescan(to);
    return `restored as ${to}`;
  }

  return {
    async carryOut(event) {
      const { path, arg = '' } = event;
      switch (event.command) {
        case 'get':
          return get(path);
        case 'free':
          return free(path);
        case 'pin':
          return pin(arg);
        case 'unpin':
          base.dropPin(arg);
          return 'unpinned';
        case 'rescan':
          await rescan(path);
          return 'looked at everything';
        case 'restore':
          return restore(path, arg);
        case 'empty-trash': {
          const [age, most] = arg.split(',');
          return emptyTrash(ports, Number(age) || 0, most === undefined ? Number.POSITIVE_INFINITY : Number(most));
        }
      }
    },
  };
}
