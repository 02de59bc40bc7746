/**
 * Plays many scenarios in one pair at once, step by step: all first steps, rest, all second steps, rest. Each has its own
 * folder, so what fails in one says nothing of the others; and the lane is as mixed as in real life.
 */
import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { Lab, Status } from '../../e2e/support/lab.ts';
import { waitFor } from '../../e2e/support/wait-for.ts';
import { Place, type Roots } from './place.ts';
import type { Files, Scene, Step } from './scene.ts';
import { localPathsIn, modesThatDiffer, type Tree, trashOf, treeOf } from './seen.ts';

interface Problem {
  readonly code: string;
  readonly path: string;
  readonly message: string;
}

interface Actor {
  readonly scene: Scene;
  readonly place: Place;
  /** Of names in the remote, before anything was done. */
  readonly inodes: Map<string, bigint>;
  failure: Error | null;
}

/** Runs only those whose name holds this text. */
const ONLY = process.env.LAZYSYNC_SCENE;

export class Stage {
  readonly lab: Lab;
  readonly roots: Roots;
  readonly #actors: Actor[];
  #problems: readonly Problem[] = [];
  #leftOvers: readonly string[] = [];
  #status: Status | null = null;

  constructor(lab: Lab, far: string, scenes: readonly Scene[]) {
    this.lab = lab;
    this.roots = { local: lab.local, remote: lab.remote, far, run: (args) => runOf(lab, args) };
    this.#actors = scenes
      .filter(({ name, skip }) => (skip?.() ?? null) === null && (ONLY === undefined || name.includes(ONLY)))
      .map((scene, i) => ({
        scene,
        place: new Place(
          scene.name,
          `${String(i).padStart(3, '0')} ${scene.name.replaceAll('/', '-').slice(0, 60)}`,
          this.roots,
        ),
        inodes: new Map(),
        failure: null,
      }));
  }

  async #each(what: string, step: (actor: Actor) => void | Promise<void>): Promise<void> {
    for (const actor of this.#actors) {
      if (actor.failure !== null) continue;
      try {
        await step(actor);
      } catch (error) {
        actor.failure = new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }
  }

  #rest(what: string): void {
    const begun = performance.now();
    this.lab.wait(300);
    if (process.env.LAZYSYNC_SCENE_TIMES === '1')
      process.stderr.write(`${what}: at rest after ${Math.round(performance.now() - begun)} ms\n`);
  }

  async play(): Promise<void> {
    const { lab } = this;
    await this.#each('what there is', ({ scene, place }) => {
      fs.mkdirSync(place.far());
      make(place, scene.remote ?? {});
    });
    await lab.up();
    this.#rest('begin');
    await this.#each('copies', ({ scene, place }) => {
      for (const rel of scene.copies ?? []) fs.readFileSync(place.l(rel));
    });
    await this.#each('copies', ({ scene, place }) =>
      waitFor(`a copy of ${scene.copies?.join(', ')}`, 30_000, () =>
        (scene.copies ?? []).every((rel) => fs.lstatSync(place.l(rel)).isFile()),
      ).then(() => undefined),
    );
    this.#rest('copies');
    await this.#each('inodes', ({ scene, place, inodes }) => {
      for (const rel of Object.keys(scene.sameInode ?? {})) {
        inodes.set(rel, fs.lstatSync(place.far(rel), { bigint: true }).ino);
      }
    });
    if (this.#actors.some(({ scene }) => scene.off !== undefined)) {
      await lab.down();
      await this.#each('while nothing runs', ({ scene, place }) => scene.off?.(place));
      await lab.up();
      this.#rest('up again');
    }
    const most = Math.max(0, ...this.#actors.map(({ scene }) => scene.steps?.length ?? 0));
    for (let at = 0; at < most; at++) {
      await this.#each(`step ${at + 1}`, ({ scene, place }) => (scene.steps?.[at] as Step | undefined)?.(place));
      this.#rest(`step ${at + 1}`);
    }
    const shown = JSON.parse(lab.run(['problems', '--json', '--local', lab.local]).out) as { problems: Problem[] };
    this.#problems = shown.problems;
    // ORDER: looked at before anything is judged: reading a stub's text and its file is taken for an open, now and then.
    this.#leftOvers = this.#leftOver();
    // On a busy machine Redis may answer later than `status` waits for it; and what stays a problem is tried again now and then,
    // which is a job of its own.
    this.#status = await waitFor('a status at rest', 120_000, () => {
      const status = lab.status();
      return status.redis === 'up' && status.state === 'idle' ? status : null;
    });
  }

  /** Throws when the scenario did not end as it should. */
  judge(name: string): void {
    const actor = this.#actors.find(({ scene }) => scene.name === name);
    if (actor === undefined) return;
    const { scene, place, failure, inodes } = actor;
    if (failure !== null) throw failure;
    const shown = this.#problems.filter(({ path: at }) => at === place.folder || at.startsWith(`${place.folder}/`));
    const listed = scene.problemsMayBe === true ? shown.map(({ path: at }) => at.slice(place.folder.length + 1)) : [];
    const loose = [...(scene.loose ?? []), ...listed];
    const here = without(treeOf(place, 'local'), loose);
    const there = without(treeOf(place, 'far'), loose);
    if (scene.ends !== undefined) {
      expect(named(here), 'local').toEqual(wanted({ ...scene.ends, ...scene.localOnly }));
      expect(named(there), 'remote').toEqual(wanted({ ...scene.ends, ...scene.remoteOnly }));
    }
    const oneSided = Object.keys(wanted({ ...scene.localOnly, ...scene.remoteOnly }));
    expect(without(there, oneSided), 'remote against local').toEqual(without(here, oneSided));
    if (scene.anyMode !== true) expect(modesThatDiffer(place), 'modes').toEqual([]);
    if (scene.problemsMayBe !== true)
      expect(shown.map(({ code }) => code).sort(), JSON.stringify(shown)).toEqual(scene.problems ?? []);
    const trashed = trashOf(place, 'far');
    const trashedHere = trashOf(place, 'local');
    if (scene.remoteTrash !== undefined) expect(trashed, 'remote trash').toEqual(plain(scene.remoteTrash));
    if (scene.localTrash !== undefined) expect(trashedHere, 'local trash').toEqual(plain(scene.localTrash));
    const all = [here, there, trashed, trashedHere].flatMap((tree) => Object.values(tree));
    for (const text of scene.keeps ?? []) expect(all, `"${text}" is somewhere`).toContain(`file ${text}`);
    for (const [from, to] of Object.entries(scene.sameInode ?? {})) {
      expect(fs.lstatSync(place.far(to), { bigint: true }).ino, `${from} -> ${to} is one rename`).toBe(
        inodes.get(from),
      );
    }
    expect(localPathsIn(place.far(), this.roots.local)).toEqual([]);
    scene.check?.(place);
  }

  /** How the pair was when all had been played. */
  get status(): Status | null {
    return this.#status;
  }

  /** What of ours was left on either side then. */
  get leftOvers(): readonly string[] {
    return this.#leftOvers;
  }

  #leftOver(): string[] {
    const found: string[] = [];
    for (const root of [this.roots.local, this.roots.far]) {
      const stage = path.join(root, '.lazysync/stage');
      // The folders in it are for the next uploads.
      const staged = fs.readdirSync(stage, { recursive: true, withFileTypes: true });
      found.push(...staged.filter((one) => !one.isDirectory()).map((one) => path.join(one.parentPath, one.name)));
      const names = fs.readdirSync(root, { recursive: true, encoding: 'utf8' });
      found.push(...names.filter((name) => /\.lazysync-.*\.part$/.test(name)));
    }
    return found;
  }
}

function runOf(lab: Lab, args: readonly string[]): string {
  const { code, out, err } = lab.run(args);
  if (code !== 0) throw new Error(`lazysync ${args.join(' ')} ended with ${code}: ${out}${err}`);
  return out;
}

export function make(place: Place, files: Files): void {
  for (const [rel, what] of Object.entries(files)) {
    const full = place.far(rel);
    fs.mkdirSync(what === null ? full : path.dirname(full), { recursive: true });
    if (typeof what === 'string') fs.writeFileSync(full, what);
    else if (what !== null && 'link' in what) fs.symlinkSync(what.link, full);
  }
}

function plain(files: Files): Tree {
  return Object.fromEntries(Object.entries(files).map(([rel, what]) => [rel, word(what)]));
}

function word(what: Files[string] | undefined): string {
  if (typeof what === 'string') return `file ${what}`;
  if (what == null) return 'dir';
  return 'link' in what ? `link ${what.link}` : `strange ${what.strange}`;
}

function wanted(files: Files): Tree {
  const tree: Tree = {};
  for (const [rel, what] of Object.entries(files)) {
    const parts = rel.split('/');
    for (let i = 1; i < parts.length; i++) tree[parts.slice(0, i).join('/')] ??= 'dir';
    tree[rel] = word(what);
  }
  return tree;
}

const STAMP = / \(conflict \d{4}-\d\d-\d\d \d{6} [^()]*\)/g;

/** With `(conflict *)` for whatever time and host: two of one name would be one. */
function named(tree: Tree): Tree {
  const found: Tree = {};
  for (const [rel, what] of Object.entries(tree)) {
    let name = rel.replace(STAMP, ' (conflict *)');
    while (found[name] !== undefined) name += '+';
    found[name] = what;
  }
  return found;
}

function without(tree: Tree, names: readonly string[]): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([rel]) => !names.includes(rel)));
}
