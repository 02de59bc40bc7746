/** How programs really save: each pattern on a stub and on a copy; in the end both sides hold what was saved, once. */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { expect } from 'vitest';
import { hasProgram, type Place } from '../support/place.ts';
import { type Files, type Scene, type Step, scene } from '../support/scene.ts';

interface Save {
  readonly name: string;
  /** Turns `f.txt`, which reads `old`, into one that reads `new`. */
  readonly save: Step;
  /** What else it leaves. */
  readonly besides?: Files;
  readonly program?: string;
}

const sh =
  (script: string): Step =>
  (it) =>
    void it.sh(script);

/** The system calls of programs that are not on every machine, in their order. */
const SAVES: readonly Save[] = [
  {
    name: 'vim, backupcopy=no',
    program: 'vim',
    save: sh(
      "vim -N -u NONE -i NONE -es -c 'set backup& writebackup backupcopy=no' -c '%s/old/new/' -c 'set noeol nofixeol' -c 'wq' f.txt </dev/null || true",
    ),
  },
  {
    name: 'vim, backupcopy=yes',
    program: 'vim',
    save: sh(
      "vim -N -u NONE -i NONE -es -c 'set writebackup backupcopy=yes' -c '%s/old/new/' -c 'set noeol nofixeol' -c 'wq' f.txt </dev/null || true",
    ),
  },
  {
    name: 'vim by its calls: swap file, 4913, rename to f~, write, unlink f~',
    save: sh(
      'printf b0VIM >.f.txt.swp; : >4913; rm 4913; mv f.txt f.txt~; printf new >f.txt; rm f.txt~; rm .f.txt.swp',
    ),
  },
  {
    name: 'vim that keeps its backup',
    save: sh('printf b0VIM >.f.txt.swp; cp f.txt f.txt~; printf new >f.txt; rm .f.txt.swp'),
    besides: { 'f.txt~': 'old' },
  },
  {
    name: 'emacs: lock link, auto save, rename to f~, write',
    save: sh(
      "ln -s 'me@host.1234:1700000000' '.#f.txt'; printf ne >'#f.txt#'; mv f.txt f.txt~; printf new >f.txt; rm '#f.txt#'; rm '.#f.txt'",
    ),
    besides: { 'f.txt~': 'old' },
  },
  {
    name: 'emacs with backup-by-copying',
    save: sh("ln -s 'me@host.1234:1700000000' '.#f.txt'; cp -p f.txt f.txt~; printf new >f.txt; rm '.#f.txt'"),
    besides: { 'f.txt~': 'old' },
  },
  { name: 'nano: truncated and written in place', save: (it) => it.write('local', 'f.txt', 'new') },
  {
    name: 'nano -B: copied to f~, then in place',
    save: sh('cp -p f.txt f.txt~; printf new >f.txt'),
    besides: { 'f.txt~': 'old' },
  },
  {
    name: 'LibreOffice: lock file, f.osl-tmp, a new file in its place',
    save: sh(
      "printf me >'.~lock.f.txt#'; printf new >lu8871abc.tmp; mv f.txt f.txt.osl-tmp; mv lu8871abc.tmp f.txt; rm f.txt.osl-tmp; rm '.~lock.f.txt#'",
    ),
  },
  {
    name: 'Word: ~$ owner file, temp file, two renames',
    save: sh(
      "printf me >'~$f.txt'; printf new >WRD0001.tmp; mv f.txt WRL0002.tmp; mv WRD0001.tmp f.txt; rm WRL0002.tmp; rm '~$f.txt'",
    ),
  },
  {
    name: 'gedit: .goutputstream renamed over',
    save: sh('printf new >.goutputstream-X1Y2Z3; mv .goutputstream-X1Y2Z3 f.txt'),
  },
  { name: 'kate: f.XXXXXX renamed over', save: sh('printf new >f.txt.aB3xYz; mv f.txt.aB3xYz f.txt') },
  { name: 'sed -i', save: sh('sed -i s/old/new/ f.txt') },
  { name: 'sed -i.bak', save: sh('sed -i.bak s/old/new/ f.txt'), besides: { 'f.txt.bak': 'old' } },
  { name: 'perl -pi', program: 'perl', save: sh('perl -pi -e s/old/new/ f.txt') },
  {
    name: 'rsync: .f.XXXXXX renamed over, with another time',
    save: sh('printf new >.f.txt.h5Kq2a; touch -d 2020-01-01 .f.txt.h5Kq2a; mv .f.txt.h5Kq2a f.txt'),
  },
  {
    name: 'rsync --inplace: written over from the start, then its time is set',
    save: sh(
      'printf new | dd of=f.txt conv=notrunc status=none; truncate -s 3 f.txt; touch -d 2020-01-01T00:00:01.5 f.txt',
    ),
  },
  {
    name: 'rsync, the program',
    program: 'rsync',
    save: sh('mkdir ../src$$; printf new >../src$$/f.txt; rsync -t ../src$$/f.txt f.txt; rm -r ../src$$'),
  },
  { name: 'shell: > f', save: sh('printf new >f.txt') },
  { name: 'dd conv=notrunc', save: sh('printf new | dd of=f.txt conv=notrunc status=none') },
  {
    name: 'python r+: two writes with a seek',
    save: (it) => void it.py("f=open('f.txt','r+')\nf.write('n')\nf.flush()\nf.seek(1)\nf.write('ew')\nf.close()"),
  },
  {
    name: 'mmap write',
    save: (it) =>
      void it.py(
        "import mmap\nf=open('f.txt','r+b')\nm=mmap.mmap(f.fileno(),0)\nm[0:3]=b'new'\nm.flush()\nm.close()\nf.close()",
      ),
  },
  { name: 'cp over it', save: sh('printf new >g; cp g f.txt; rm g') },
  { name: 'install over it', save: sh('printf new >g; install -m 644 g f.txt; rm g') },
  { name: 'ln -f over it', save: sh('printf new >g; ln -f g f.txt; rm g') },
  { name: 'rm and write again', save: sh('rm f.txt; printf new >f.txt') },
  {
    name: 'tee -a after truncate',
    save: sh('truncate -s 0 f.txt; printf n | tee -a f.txt >&2; printf ew | tee -a f.txt >&2'),
  },
];

const patterns: Scene[] = SAVES.flatMap(({ name, save, besides, program }) =>
  (['stub', 'copy'] as const).map((form) =>
    scene(`${name} (${form})`, {
      remote: { 'f.txt': 'old' },
      copies: form === 'copy' ? ['f.txt'] : [],
      steps: [save],
      ends: { 'f.txt': 'new', ...besides },
      anyMode: true,
      mount: 'all',
      skip: () => (program === undefined || hasProgram(program) ? null : `${program} is not on this machine`),
    }),
  ),
);

/** Writes for a while; what the other side shows meanwhile is noted. */
async function writeSlowly(it: Place, name: string, script: string): Promise<void> {
  const child = spawn('python3', ['-c', script], { cwd: it.l(), stdio: 'inherit' });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const sizes = new Set<number>();
  it.notes.set('sizes', sizes);
  let going = true;
  const watch = (async () => {
    while (going) {
      const stat = fs.statSync(it.far(name), { throwIfNoEntry: false });
      if (stat !== undefined) sizes.add(stat.size);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const code = await ended;
  going = false;
  await watch;
  if (code !== 0) throw new Error(`the writer ended with ${code}`);
}

const slow: Scene[] = [
  scene('a file that is written for three seconds goes up once, whole', {
    steps: [
      (it) =>
        writeSlowly(
          it,
          'big',
          "import time\nf=open('big','wb')\nfor i in range(30):\n  f.write(b'x'*1000); f.flush(); time.sleep(0.1)\nf.close()",
        ),
    ],
    check: (it) => {
      expect(fs.statSync(it.far('big')).size).toBe(30_000);
      expect([...(it.notes.get('sizes') as Set<number>)].filter((size) => size !== 30_000)).toEqual([]);
    },
    mount: 'all',
  }),
  scene('a download of a browser: f.part grows, then is renamed', {
    steps: [
      (it) =>
        writeSlowly(
          it,
          'f',
          "import time,os\nf=open('f.part','wb')\nfor i in range(20):\n  f.write(b'x'*1000); f.flush(); time.sleep(0.1)\nf.close()\nos.rename('f.part','f')",
        ),
    ],
    check: (it) => {
      expect(fs.statSync(it.far('f')).size).toBe(20_000);
      expect([...(it.notes.get('sizes') as Set<number>)]).not.toContain(0);
      expect(fs.readdirSync(it.far())).toEqual(['f']);
    },
  }),
  scene('renamed while it is being written', {
    steps: [
      (it) =>
        writeSlowly(
          it,
          'g',
          "import time,os\nf=open('f','wb')\nfor i in range(20):\n  f.write(b'x'*1000); f.flush(); time.sleep(0.1)\n  if i==8: os.rename('f','g')\nf.close()",
        ),
    ],
    check: (it) => {
      expect(fs.statSync(it.far('g')).size).toBe(20_000);
      expect([...(it.notes.get('sizes') as Set<number>)].filter((size) => size !== 20_000)).toEqual([]);
      expect(fs.existsSync(it.far('f'))).toBe(false);
    },
  }),
  scene('a log that grows by bursts of closed appends', {
    remote: { log: 'start\n' },
    copies: ['log'],
    steps: [
      async (it) => {
        for (let i = 0; i < 12; i++) {
          fs.appendFileSync(it.l('log'), `line ${i}\n`);
          await new Promise((resolve) => setTimeout(resolve, 60));
        }
      },
    ],
    ends: { log: `start\n${Array.from({ length: 12 }, (_, i) => `line ${i}\n`).join('')}` },
    mount: 'all',
  }),
];

const git = (it: Place, where: 'local' | 'far', ...args: string[]): string =>
  execFileSync('git', ['-C', it.at(where), '-c', 'safe.directory=*', ...args], { encoding: 'utf8', stdio: 'pipe' });

function soundAndClean(it: Place): void {
  for (const where of ['local', 'far'] as const) {
    expect(() => git(it, where, 'fsck', '--full', '--strict', '--no-progress')).not.toThrow();
    expect(git(it, where, 'status', '--porcelain')).toBe('');
  }
  expect(git(it, 'far', 'log', '--oneline', '--all')).toBe(git(it, 'local', 'log', '--oneline', '--all'));
}

const MAKE_REPO =
  'git init -qb main .; for i in 1 2 3 4 5 6; do mkdir -p d$i; printf $i >d$i/f; ln -s f d$i/l; done; git add -A; git commit -qm one';

const tools: Scene[] = [
  scene('git init, add, commit in local', { steps: [sh(MAKE_REPO)], check: soundAndClean, mount: 'all' }),
  scene('git checkout back and forth', {
    steps: [
      sh(MAKE_REPO),
      sh(
        'git checkout -qb other; git rm -qr d1 d2; printf new >d3/f; mkdir n; printf n >n/n; git add -A; git commit -qm two; git checkout -q main; git checkout -q other; git checkout -q main',
      ),
    ],
    check: soundAndClean,
  }),
  scene('git rebase', {
    steps: [
      sh(MAKE_REPO),
      sh(
        'git checkout -qb side; for i in 1 2 3; do printf s$i >>d$i/f; git commit -qam s$i; done; git checkout -q main; printf m >>d6/f; git commit -qam m; git checkout -q side; git rebase -q main',
      ),
    ],
    check: soundAndClean,
  }),
  scene('git gc and prune', {
    steps: [
      sh(MAKE_REPO),
      sh('for i in 1 2 3; do printf s$i >>d$i/f; git commit -qam s$i; done; git gc -q --prune=now'),
    ],
    check: soundAndClean,
  }),
  scene('git stash, merge and tag', {
    steps: [
      sh(MAKE_REPO),
      sh(
        'git checkout -qb b; printf b >>d1/f; git commit -qam b; git checkout -q main; printf c >>d2/f; git stash -q; git merge -q --no-ff -m merged b; git stash pop -q; git commit -qam c; git tag -am v1 v1',
      ),
    ],
    check: soundAndClean,
  }),
  scene('git works in the remote, and in local afterwards', {
    // Git takes no link for HEAD, and sees a link where it knows a file: a repository has to be here as a whole.
    steps: [
      (it) => void it.sh(MAKE_REPO, 'far'),
      (it) => void it.run('get'),
      sh('printf more >>d1/f; git -c safe.directory=* commit -qam two'),
    ],
    check: soundAndClean,
  }),
  scene('sqlite in WAL mode: written, then closed', {
    steps: [
      (it) =>
        void it.py(
          "import sqlite3\nc=sqlite3.connect('db')\nc.execute('pragma journal_mode=wal')\nc.execute('create table t(x)')\nfor i in range(200):\n  c.execute('insert into t values(?)',(i,)); c.commit()\nc.close()",
        ),
      (it) =>
        void it.py("import sqlite3\nc=sqlite3.connect('db')\nc.execute('update t set x=x+1'); c.commit()\nc.close()"),
    ],
    check: (it) => {
      const sum = it.py(
        "import sqlite3\nc=sqlite3.connect('file:db?immutable=1',uri=True)\nprint(c.execute('pragma integrity_check').fetchone()[0], c.execute('select count(*),sum(x) from t').fetchone())",
        'far',
      );
      expect(sum.trim()).toBe('ok (200, 20100)');
    },
    mount: 'all',
  }),
  scene('sqlite with a rollback journal, opened through a stub', {
    steps: [
      (it) =>
        void it.py(
          "import sqlite3\nc=sqlite3.connect('db')\nc.execute('create table t(x)')\nc.execute('insert into t values(1)'); c.commit(); c.close()",
          'far',
        ),
      (it) =>
        void it.py(
          "import sqlite3\nc=sqlite3.connect('db')\nc.execute('insert into t values(2)'); c.commit(); c.close()",
        ),
    ],
    check: (it) => {
      const sum = it.py(
        "import sqlite3\nc=sqlite3.connect('file:db?immutable=1',uri=True)\nprint(c.execute('pragma integrity_check').fetchone()[0], c.execute('select sum(x) from t').fetchone()[0])",
        'far',
      );
      expect(sum.trim()).toBe('ok 3');
    },
  }),
  scene('tar x into local', {
    steps: [
      sh(
        'mkdir ../t$$; cd ../t$$; mkdir -p d/e; for i in $(seq 40); do printf $i >d/e/f$i; done; ln -s e d/l; chmod 750 d/e; tar cf ../t$$.tar d; cd ..; tar xf t$$.tar -C "$L"; rm -r t$$ t$$.tar',
      ),
    ],
    ends: {
      'd/l': { link: 'e' },
      ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d/e/f${i + 1}`, `${i + 1}`])),
    },
    mount: 'all',
  }),
  scene('tar of stubs, unpacked beside them', {
    remote: { 'd/a': 'one', 'd/b': 'two' },
    steps: [sh('tar cf - d | (mkdir e; tar xf - -C e)')],
    ends: { 'd/a': 'one', 'd/b': 'two', 'e/d/a': 'one', 'e/d/b': 'two' },
    mount: 'all',
  }),
  scene('cp -r of stubs copies the links, and that is a copy', {
    remote: { 'd/a': 'one', 'd/s/b': 'two' },
    steps: [sh('cp -r d e')],
    ends: { 'd/a': 'one', 'd/s/b': 'two', 'e/a': 'one', 'e/s/b': 'two' },
  }),
  scene('cp of a stub reads through it', {
    remote: { a: 'one' },
    steps: [sh('cp a b')],
    ends: { a: 'one', b: 'one' },
    mount: 'all',
  }),
  scene('cp -a of a tree from outside', {
    steps: [
      sh(
        'mkdir -p ../o$$/d/e; printf x >../o$$/d/e/f; chmod 700 ../o$$/d; touch -d 2001-02-03 ../o$$/d/e/f; cp -a ../o$$/d .; rm -r ../o$$',
      ),
    ],
    ends: { 'd/e/f': 'x' },
    check: (it) => expect(fs.statSync(it.far('d/e/f')).mtimeMs).toBe(fs.statSync(it.l('d/e/f')).mtimeMs),
    mount: 'all',
  }),
  scene('mv of a tree from outside, and out again', {
    remote: { stays: 's' },
    steps: [
      sh('mkdir -p ../m$$/d/e; printf x >../m$$/d/e/f; printf y >../m$$/d/g; mv ../m$$/d .; rmdir ../m$$'),
      sh('mv d ../gone; rm -r ../gone'),
    ],
    ends: { stays: 's' },
    remoteTrash: { 'd/e/f': 'x', 'd/g': 'y' },
  }),
  scene('maildir: tmp, link to new, unlink', {
    remote: { tmp: null, new: null },
    steps: [sh('for i in 1 2 3 4 5; do printf mail$i >tmp/$i; ln tmp/$i new/$i; rm tmp/$i; done')],
    ends: { tmp: null, ...Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`new/${i}`, `mail${i}`])) },
    mount: 'all',
  }),
  scene('npm install: rm -rf of a tree and the same one made anew', {
    steps: [
      sh(
        'for p in a b c; do mkdir -p node_modules/$p/lib; printf $p >node_modules/$p/index.js; printf x >node_modules/$p/lib/x.js; done',
      ),
      sh(
        'rm -rf node_modules; for p in b c d; do mkdir -p node_modules/$p/lib; printf $p >node_modules/$p/index.js; printf x >node_modules/$p/lib/x.js; done',
      ),
    ],
    ends: Object.fromEntries(
      ['b', 'c', 'd'].flatMap((p) => [
        [`node_modules/${p}/index.js`, p],
        [`node_modules/${p}/lib/x.js`, 'x'],
      ]),
    ),
  }),
];

export const SAVING: readonly Scene[] = [...patterns, ...slow, ...tools];
