/** `lazysync demo`: a pair at work in two temporary folders. Real commands, real output, nothing left behind. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '@lazysync/ops';
import { refused } from '../exit.ts';
import { type Foreground, inForeground } from '../foreground.ts';
import { planRun } from '../plan-run.ts';
import { readyLine } from '../ready-text.ts';

const run = promisify(execFile);
const WITHIN_MS = 20_000;
const STORY = 'letters/grandmother.txt';

const FILES: Readonly<Record<string, string>> = {
  [STORY]: 'Dear grandmother,\nthe plums have arrived, all of them whole. There will be jam on Sunday.\n',
  'letters/landlord.txt': 'Dear Mr. Okafor,\nthe tap in the kitchen drips again.\n',
  'letters/library.txt': 'I found the book I had reported as lost. It was behind the piano.\n',
  'notes/todo.txt': '[x] plums\n[ ] tap in the kitchen\n[ ] return the library book\n',
  'notes/ideas.md': '- a garden shed with a green roof\n- learn to tune the piano\n',
  'notes/a name with spaces.txt': 'Names may hold spaces.\n',
  'notes/Käse und Wein.txt': 'Names may hold any character.\n',
  'recipes/plum-jam.md': '# Plum jam\n1 kg plums, 500 g sugar, the juice of one lemon.\n',
  'recipes/lentil-soup.md': '# Lentil soup\n250 g red lentils, an onion, two carrots, cumin.\n',
  'recipes/flatbread.md': '# Flatbread\n300 g flour, 180 ml water, salt, a spoon of oil.\n',
};

export async function demo(): Promise<void> {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lazysync-demo-')));
  try {
    makeRemote(path.join(folder, 'remote'));
    const plan = await planRun({
      pairs: [{ remote: path.join(folder, 'remote'), local: path.join(folder, 'local'), id: 'demo' }],
      state: path.join(folder, 'state'),
      redis: undefined,
      logLevel: 'error',
    });
    say(`Two folders in ${folder}, which go away at the end:`);
    say('remote/  20 files. A plain folder, so nothing here is slow: think of it as your network mount.');
    say('local/   empty, to be filled by LazySync.\n');
    say('$ lazysync up --remote remote --local local');
    const done = await inForeground(plan, { port: null }, (foreground) => play(folder, foreground));
    say(
      done === true
        ? '\nStopped and cleaned up. With your own folders: ./lazysync up --remote DIR --local DIR'
        : '\nCleaned up.',
    );
  } finally {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function makeRemote(remote: string): void {
  const photos = Array.from({ length: 10 }, (_, index) => `photos/${String(index + 1).padStart(2, '0')}.raw`);
  for (const file of [...Object.keys(FILES), ...photos]) {
    fs.mkdirSync(path.dirname(path.join(remote, file)), { recursive: true });
    fs.writeFileSync(path.join(remote, file), FILES[file] ?? Buffer.alloc(200_000, file));
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function play(folder: string, { run: started, ready, unlessBroken, signal }: Foreground): Promise<true> {
  const [pair] = started.effective.pairs;
  if (pair === undefined) throw new Error('the demo has no pair');
  const readiness = await ready(pair);
  if (readiness.kind !== 'ready') throw refused(`The demo did not get ready: ${readiness.why}`);
  say(readyLine(readiness));

  const local = path.join(folder, 'local', STORY);
  const remote = path.join(folder, 'remote', STORY);
  const shell = async (line: string): Promise<void> => {
    say(`$ ${line}`);
    const { stdout } = await run('sh', ['-c', line], { cwd: folder, timeout: WITHIN_MS });
    process.stdout.write(stdout);
  };
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    const end = performance.now() + WITHIN_MS;
    while (!holds()) {
      signal.throwIfAborted();
      if (performance.now() > end)
        throw refused(`The demo failed: ${what} did not happen within ${WITHIN_MS / 1000} s.`);
      await unlessBroken(systemClock.sleep(20, signal));
    }
  };
  const isStub = (): boolean => fs.lstatSync(local, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

  say('\n1. Every remote file is there at once, as a stub: a link that reads through to the remote.');
  await shell(`ls -l local/${STORY}`);
  say('\n2. Opening it downloads it in the background. Now it is a real file, as fast as your disk.');
  await shell(`cat local/${STORY}`);
  await until('the download', () => !isStub());
  await shell(`ls -l local/${STORY}`);
  say('\n3. What you write in local goes up.');
  await shell(`echo "Yours, Kim" >> local/${STORY}`);
  await until('the upload', () => fs.readFileSync(remote, 'utf8').includes('Yours, Kim'));
  await shell(`tail -n 1 remote/${STORY}`);
  say('\n4. What others write in remote makes it a stub again: the arrow is back, and reading shows the new text.');
  await shell(`echo "PS: Two jars for you." >> remote/${STORY}`);
  await until('the return of the stub', isStub);
  await shell(`ls -l local/${STORY}`);
  await shell(`tail -n 1 local/${STORY}`);
  return true;
}
