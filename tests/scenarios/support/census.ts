/** Everything anybody ever wrote: can each version still be found, or did its own writer replace it knowingly? */
import fs from 'node:fs';
import path from 'node:path';

/** Contents of all regular files below, those in the trash included. */
function contentsBelow(root: string, found: Map<string, string>): void {
  for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = path.join(entry.parentPath, entry.name);
    const text = fs.readFileSync(full, 'utf8');
    if (!found.has(text)) found.set(text, full);
  }
}

export class Census {
  readonly #written = new Map<string, string>();
  readonly #replaced = new Set<string>();
  /** What everybody did, one line each: to find out where a version was lost. */
  readonly diary: string[] = [];

  wrote(text: string, where: string): void {
    this.#written.set(text, where);
    this.note(`wrote ${where}: ${text.slice(0, 12)}`);
  }

  /** Its reader has put something else in its place. */
  replaced(text: string): void {
    this.#replaced.add(text);
    this.note(`replaced ${text.slice(0, 12)}`);
  }

  note(what: string): void {
    this.diary.push(`${Date.now()} ${what}`);
  }

  get versions(): number {
    return this.#written.size;
  }

  get overwritten(): number {
    return this.#replaced.size;
  }

  /** Versions that are nowhere. */
  missing(...roots: readonly string[]): string[] {
    const found = new Map<string, string>();
    for (const root of roots) contentsBelow(root, found);
    return [...this.#written]
      .filter(([text]) => !this.#replaced.has(text) && !found.has(text))
      .map(([text, where]) => `${text.slice(0, 30)} (written at ${where})`);
  }
}
