/** What people and their programs do, as lists of system calls between which anything may happen. */
import { FsError } from '@lazysync/replica';
import type { Inode, Tree } from './tree.ts';

/** A user's shell on a tree: on LOCAL, where stubs lead to the remote, or on the remote itself. */
export interface Shell {
  readonly tree: Tree;
  /** Where a stub's text leads, if it leads anywhere right now: the remote's tree and the path in there. */
  readonly through: (target: string) => { readonly tree: Tree; readonly path: string } | null;
  /** A stub was opened by its own path. */
  readonly opened: (path: string) => void;
  /** Bytes were written through this shell, after the fact. */
  readonly touched: (tree: Tree, path: string) => void;
}

export type Call = () => void;

interface Handle {
  readonly tree: Tree;
  readonly path: string;
  readonly node: Inode;
}

const USER = 'user';

function open(shell: Shell, path: string, create: boolean): Handle {
  const { tree } = shell;
  const node = tree.peek(path);
  if (node === null) {
    if (!create) throw new FsError('ENOENT', 'open', path);
    return { tree, path, node: tree.make(path, 'file', '', 0o644, USER) };
  }
  if (node.kind === 'symlink') {
    const led = shell.through(node.text);
    if (led === null) throw new FsError('ELOOP', 'open', path);
    shell.opened(path);
    const there = led.tree.peek(led.path);
    if (there === null && create) {
      const made = led.tree.make(led.path, 'file', '', 0o644, USER);
      shell.touched(led.tree, led.path);
      return { ...led, node: made };
    }
    if (there?.kind !== 'file') throw new FsError('ENOENT', 'open', path);
    return { ...led, node: there };
  }
  if (node.kind !== 'file') throw new FsError('EISDIR', 'open', path);
  return { tree, path, node };
}

/** Calls with one descriptor: nothing is done after the open failed. */
function withFile(shell: Shell, path: string, create: boolean, acts: readonly ((it: Handle) => void)[]): Call[] {
  let handle: Handle | null = null;
  const opening: Call = () => {
    handle = open(shell, path, create);
    handle.node.writers++;
  };
  const closing: Call = () => {
    if (handle !== null) handle.node.writers--;
  };
  const use = (act: (it: Handle) => void) => () => {
    if (handle === null) return;
    act(handle);
    shell.touched(handle.tree, handle.path);
  };
  return [opening, ...acts.map(use), closing];
}

/** `echo > p`: truncated, then written. */
export function overwrite(shell: Shell, path: string, text: string): Call[] {
  return withFile(shell, path, true, [
    ({ tree, node }) => tree.truncate(node, 0, USER),
    ({ tree, node }) => tree.write(node, 0, text, USER),
  ]);
}

/** One write over the old bytes, which keeps the size if the texts are equally long. */
export function overwriteAtOnce(shell: Shell, path: string, text: string): Call[] {
  return withFile(shell, path, false, [
    ({ tree, node }) => tree.write(node, 0, text.padEnd(node.text.length, '.').slice(0, node.text.length), USER),
  ]);
}

export function append(shell: Shell, path: string, text: string): Call[] {
  return withFile(shell, path, true, [({ tree, node }) => tree.write(node, node.text.length, text, USER)]);
}

function create(shell: Shell, path: string, text: string): Call[] {
  const { tree } = shell;
  let node: Inode | null = null;
  return [
    () => {
      node = tree.make(path, 'file', '', 0o644, USER);
      node.writers++;
    },
    () => {
      if (node !== null) tree.write(node, 0, text, USER);
    },
    () => {
      if (node !== null) node.writers--;
    },
  ];
}

/** As vim, sed -i and most programs save: a new file beside it, renamed over it. */
export function saveByRename(shell: Shell, path: string, text: string): Call[] {
  return [...create(shell, `${path}~new`, text), () => shell.tree.rename(`${path}~new`, path, true, USER)];
}

/** As emacs saves: the old one becomes the backup. */
export function saveWithBackup(shell: Shell, path: string, text: string): Call[] {
  return [() => shell.tree.rename(path, `${path}~`, true, USER), ...create(shell, path, text)];
}

export function remove(shell: Shell, path: string): Call[] {
  const { tree } = shell;
  const node = tree.peek(path);
  if (node?.kind !== 'directory') return [() => tree.unlink(path, USER)];
  const calls: Call[] = [];
  tree.walk(
    (below, one) =>
      calls.unshift(() => (one.kind === 'directory' ? tree.rmdir(below, USER) : tree.unlink(below, USER))),
    path,
    node,
  );
  return [...calls, () => tree.rmdir(path, USER)];
}

export function makeDirectory(shell: Shell, path: string): Call[] {
  return [() => void shell.tree.make(path, 'directory', '', 0o755, USER)];
}

/** A folder with files in it, as an archive or a clone makes it. */
export function fill(shell: Shell, path: string, text: () => string): Call[] {
  return [
    ...makeDirectory(shell, path),
    ...['a', 'b'].flatMap((name) => create(shell, `${path}/${name}`, text())),
    ...makeDirectory(shell, `${path}/e`),
    ...create(shell, `${path}/e/a`, text()),
  ];
}

export function move(shell: Shell, from: string, to: string): Call[] {
  return [() => shell.tree.rename(from, to, true, USER)];
}

export function swap(shell: Shell, a: string, b: string): Call[] {
  const { tree } = shell;
  let out = false;
  return [
    () => {
      tree.rename(a, `${a}~swap`, true, USER);
      out = true;
    },
    () => {
      if (out) tree.rename(b, a, true, USER);
    },
    () => {
      if (out) tree.rename(`${a}~swap`, b, true, USER);
    },
  ];
}

/** `cp -a`: links are copied as links, a file with its time and mode. */
export function copy(shell: Shell, from: string, to: string): Call[] {
  const { tree } = shell;
  const node = tree.peek(from);
  if (node === null || `${to}/`.startsWith(`${from}/`)) return [];
  if (node.kind === 'symlink') return [() => void tree.make(to, 'symlink', node.text, 0o777, USER)];
  if (node.kind === 'directory') {
    return [
      ...makeDirectory(shell, to),
      ...[...node.names.keys()].flatMap((name) => copy(shell, `${from}/${name}`, `${to}/${name}`)),
    ];
  }
  let taken = false;
  return [
    () => {
      taken = tree.peek(to) !== null;
    },
    ...create(shell, to, node.text),
    () => {
      const made = tree.peek(to);
      // An old time on a version of another content and the same size is what nobody could see.
      if (taken || made?.kind !== 'file') return;
      tree.chmod(to, made, node.mode, USER);
      tree.setMtime(to, made, node.mtimeNs, USER);
    },
  ];
}

export function chmod(shell: Shell, path: string, mode: number): Call[] {
  return [
    () => {
      const node = shell.tree.peek(path);
      if (node === null || node.kind === 'symlink') return;
      shell.tree.chmod(path, node, node.kind === 'directory' ? mode | 0o700 : mode | 0o600, USER);
      shell.touched(shell.tree, path);
    },
  ];
}

export function touch(shell: Shell, path: string, mtimeNs: bigint): Call[] {
  return [
    () => {
      const node = shell.tree.peek(path);
      if (node?.kind !== 'file') return;
      shell.tree.setMtime(path, node, mtimeNs, USER);
      shell.touched(shell.tree, path);
    },
  ];
}

export function symlink(shell: Shell, path: string, target: string): Call[] {
  return [() => void shell.tree.make(path, 'symlink', target, 0o777, USER)];
}

/** `ln -sfn`: a link beside it, renamed over it. */
export function replaceByLink(shell: Shell, path: string, target: string): Call[] {
  return [
    () => void shell.tree.make(`${path}~ln`, 'symlink', target, 0o777, USER),
    () => shell.tree.rename(`${path}~ln`, path, true, USER),
  ];
}

export function read(shell: Shell, path: string): Call[] {
  return [() => void open(shell, path, false)];
}

/** A call that fails is the user's bad luck. */
export function attempt(call: Call): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
  }
}
