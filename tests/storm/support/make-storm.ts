/**
 * `make-storm.ts ROOT FILES FOLDERS`: makes FILES small files spread over FOLDERS folders, renames every one of them, and
 * removes three of ten; as fast as the disk takes it. A process of its own, so that whoever measures goes on measuring.
 */
import fs from 'node:fs';
import path from 'node:path';

const [root, files, folders] = process.argv.slice(2);
if (root === undefined || files === undefined || folders === undefined) process.exit(2);
const many = Number(folders);

const at = (i: number, name: string): string => path.join(root, `folder-${i % many}`, `${name}-${i}.txt`);
for (let i = 0; i < many; i++) fs.mkdirSync(path.join(root, `folder-${i}`), { recursive: true });
for (let i = 0; i < Number(files); i++) {
  fs.writeFileSync(at(i, 'made'), `file ${i}\n`);
  // Some way behind, so that the three kinds of changes are mixed in every second of it.
  const behind = i - 1_000;
  if (behind >= 0) change(behind);
}
for (let i = Math.max(0, Number(files) - 1_000); i < Number(files); i++) change(i);

function change(i: number): void {
  fs.renameSync(at(i, 'made'), at(i, 'renamed'));
  if (i % 10 < 3) fs.rmSync(at(i, 'renamed'));
}
