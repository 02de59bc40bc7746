/** The folder of one scenario: the same subfolder of a pair that many scenarios share. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** A side as it is written to: `far` is the remote as another host sees it, behind the mount. */
export type Where = 'local' | 'remote' | 'far';

export interface Roots {
  readonly local: string;
  readonly remote: string;
  /** The folder behind the mount; the remote itself where there is none. */
  readonly far: string;
  /** The command line of the program. */
  readonly run: (args: readonly string[]) => string;
}

/** A user without whose name and mail git makes no commit; and nothing of the real user's configuration. */
const GIT = {
  GIT_AUTHOR_NAME: 'n',
  GIT_AUTHOR_EMAIL: 'n@example.org',
  GIT_COMMITTER_NAME: 'n',
  GIT_COMMITTER_EMAIL: 'n@example.org',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
};

export class Place {
  readonly name: string;
  /** Folder of the scenario in either root; '' is the root itself. */
  readonly folder: string;
  readonly roots: Roots;
  /** Notes from one step to the next, or to the check. */
  readonly notes = new Map<string, unknown>();

  constructor(name: string, folder: string, roots: Roots) {
    this.name = name;
    this.folder = folder;
    this.roots = roots;
  }

  at(where: Where, ...rel: string[]): string {
    return path.join(this.roots[where], this.folder, ...rel);
  }

  l(...rel: string[]): string {
    return this.at('local', ...rel);
  }

  r(...rel: string[]): string {
    return this.at('remote', ...rel);
  }

  far(...rel: string[]): string {
    return this.at('far', ...rel);
  }

  write(where: Where, rel: string, text: string | Buffer): void {
    const full = this.at(where, rel);
    fs.mkdirSync(path.dirname(full), { recursive: true });
    fs.writeFileSync(full, text);
  }

  /** Saves as most programs do: a new file beside it, renamed over. */
  save(where: Where, rel: string, text: string): void {
    const full = this.at(where, rel);
    fs.writeFileSync(`${full}.new`, text);
    fs.renameSync(`${full}.new`, full);
  }

  remove(where: Where, ...rels: string[]): void {
    for (const rel of rels) fs.rmSync(this.at(where, rel), { recursive: true });
  }

  move(where: Where, from: string, to: string): void {
    fs.renameSync(this.at(where, from), this.at(where, to));
  }

  /** A command of the program for the scenario's own folder. */
  run(...args: string[]): string {
    return this.roots.run([...args, this.l()]);
  }

  /** Runs a script of bash in the scenario's folder. */
  sh(script: string, where: Where = 'local'): string {
    const ran = spawnSync('bash', ['-euc', script], {
      cwd: this.at(where),
      env: { ...process.env, ...GIT, HOME: '/nonexistent', L: this.l(), R: this.r(), F: this.far() },
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (ran.status !== 0) throw new Error(`${script}\nended with ${ran.status}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  py(script: string, where: Where = 'local'): string {
    const ran = spawnSync('python3', ['-c', script], { cwd: this.at(where), encoding: 'utf8', timeout: 60_000 });
    if (ran.status !== 0) throw new Error(`${script}\nended with ${ran.status}: ${ran.stderr}`);
    return ran.stdout;
  }
}

export function hasProgram(name: string): boolean {
  return spawnSync('bash', ['-c', `command -v ${name}`]).status === 0;
}
