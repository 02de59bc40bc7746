/** Reads the command line and hands over to one command. */
import { Command, CommanderError } from 'commander';
import { aboutPairs, command, oneOf, settle, startsPair } from './command-line.ts';
import { CliError, EXIT, type ExitCode, usage } from './exit.ts';

const VERSION = '0.1.0';

/** Commands end by themselves, or with a CliError. */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      // Whoever reads has seen enough (`lazysync ls | head`); what was started is stopped first.
      if (process.listenerCount('SIGTERM') > 0) process.kill(process.pid, 'SIGTERM');
      else process.exit(EXIT.ok);
    });
  }
  try {
    await program().parseAsync([...argv], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof CliError) {
      if (error.message !== '') process.stderr.write(`lazysync: ${error.message}\n`);
      return error.code;
    }
    throw error;
  }
}

/** What asks the pair's worker for something, or for what it knows. */
function registerWishes(root: Command): void {
  const timed = (made: Command): Command => made.option('--timeout <TIME>', 'give up after', '1h');
  root.addCommand(
    timed(
      aboutPairs(
        command('free', 'make stubs again of copies that are safe in the remote', 'lazysync free ~/work/photos'),
      ),
    )
      .argument('<PATH...>', 'files or folders in a pair')
      .action(async (paths, options) =>
        (await import('./commands/one-command.ts')).pathCommand('free', paths, options),
      ),
  );
  for (const [name, what] of [
    ['pin', 'always keep copies of what matches a pattern (gitignore syntax)'],
    ['unpin', 'no longer keep copies of what matches a pattern'],
  ] as const) {
    root.addCommand(
      timed(aboutPairs(command(name, what, `lazysync ${name} "*.md" --local ~/work`)))
        .argument('<PATTERN...>', 'such as "*.md" or "/notes/"')
        .action(async (patterns, options) =>
          (await import('./commands/one-command.ts')).patternCommand(name, patterns, options),
        ),
    );
  }
  root.addCommand(
    timed(aboutPairs(command('rescan', 'look at everything on both sides again', 'lazysync rescan ~/work/photos')))
      .argument('[PATH]', 'a folder in a pair')
      .action(async (path, options) =>
        (await import('./commands/one-command.ts')).pathCommand('rescan', [path], options),
      ),
  );
  root.addCommand(
    aboutPairs(
      command(
        'why',
        'what is known of a path, what was done to it, and what would be done next',
        'lazysync why ~/work/report.md',
      ),
    )
      .argument('<PATH>', 'a path in a pair')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/explain.ts')).why({ ...options, path })),
  );
  root.addCommand(
    aboutPairs(command('plan', 'what would be done now, and why; nothing is touched', 'lazysync plan --local ~/work'))
      .argument('[PATH]', 'a path in a pair')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/explain.ts')).plan({ ...options, path })),
  );
  root.addCommand(
    aboutPairs(command('log', 'what was done, and why', 'lazysync log --follow'))
      .argument('[PATH]', 'a path in a pair')
      .option('--follow', 'go on until Ctrl-C')
      .option('--lines <N>', 'how many to begin with', '50')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/explain.ts')).log({ ...options, path })),
  );
  root.addCommand(
    aboutPairs(
      command('adopt', 'take over both folders though a marker is gone or another', 'lazysync adopt --local ~/work'),
    )
      .argument('[PATH]', 'a path in a pair')
      .action(async (path, options) => (await import('./commands/adopt.ts')).adopt({ ...options, path })),
  );
  const trash = command(
    'trash',
    'what was deleted or overwritten, on both sides',
    'lazysync trash list',
    'lazysync trash restore ~/work/report.md',
  );
  trash.addCommand(
    aboutPairs(command('list', 'what is in the trash', 'lazysync trash list ~/work'))
      .argument('[PATH]', 'only what was at or below this path')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/trash.ts')).listTrash({ ...options, path })),
  );
  trash.addCommand(
    timed(
      aboutPairs(
        command(
          'restore',
          'bring something back, beside what has taken its name',
          'lazysync trash restore ~/work/report.md',
        ),
      ),
    )
      .argument('<PATH>', 'where it was')
      .option('--from <ID>', 'one of several versions, as "trash list" names it (default: the newest)')
      .action(async (path, options) => (await import('./commands/trash.ts')).restoreTrash(path, options)),
  );
  trash.addCommand(
    timed(aboutPairs(command('empty', 'remove for good what is in the trash', 'lazysync trash empty --older-than 7d')))
      .argument('[PATH]', 'a path in a pair')
      .option('--older-than <TIME>', 'only what was removed at least this long ago')
      .action(async (path, options) => (await import('./commands/trash.ts')).emptyTrash({ ...options, path })),
  );
  root.addCommand(trash);
  for (const [name, what] of [
    ['pause', 'carry nothing out for now; what happens is queued'],
    ['resume', 'go on where it was paused'],
  ] as const) {
    root.addCommand(
      aboutPairs(command(name, what, `lazysync ${name} ~/work`))
        .argument('[PATH]', 'a path in a pair')
        .action(async (path, options) => (await import('./commands/pause.ts')).pause(name, { ...options, path })),
    );
  }
}

function program(): Command {
  const root = settle(new Command('lazysync'))
    .description('A slow remote folder, shown at once in a fast local one: files are downloaded when they are opened.')
    .version(VERSION)
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExample:\n  lazysync up --remote /mnt/nas/work --local ~/work\n\nExit codes: 0 ok, 1 failed or refused by the situation, 2 usage or bad folders, 3 timed out or not at rest.',
    );

  root.addCommand(
    oneOf(
      'up',
      'keep pairs in step, in the foreground, until Ctrl-C',
      'lazysync up --remote /mnt/nas/work --local ~/work',
      'lazysync up -c lazysync.yaml',
    )
      .option('--port <N>', 'of the dashboard (taken: the next free one)', '7420')
      .option('--no-dashboard', 'without a dashboard')
      .action(async (options) => {
        const { beginHeadStart } = await import('./head-start.ts');
        const { remote, local } = options;
        const headStart = remote === undefined || local === undefined ? null : beginHeadStart(remote, local);
        await (await import('./commands/up.ts')).up(options, headStart);
      }),
  );
  root.addCommand(
    startsPair(
      command(
        'sync',
        'bring both sides of a pair to rest, then end (for cron); asks a running "up" if there is one',
        'lazysync sync --remote /mnt/nas/work --local ~/work',
      ),
    )
      .option('--timeout <TIME>', 'give up after', '24h')
      .action(async (options) => (await import('./commands/sync.ts')).sync(options)),
  );
  root.addCommand(
    aboutPairs(
      command(
        'status',
        'what pairs are doing; works with nothing running',
        'lazysync status',
        'lazysync status --json',
      ),
    )
      .argument('[PATH]', 'a path in a pair')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/status.ts')).status({ ...options, path })),
  );
  root.addCommand(
    aboutPairs(
      command('wait', 'wait until both sides were looked at and nothing is left to do', 'lazysync wait --timeout 5m'),
    )
      .argument('[PATH]', 'a path in a pair')
      .option('--timeout <TIME>', 'give up after', '60s')
      .action(async (path, options) => (await import('./commands/wait.ts')).wait({ ...options, path })),
  );
  root.addCommand(
    aboutPairs(command('ls', 'list a folder: what is a stub, what is a copy', 'lazysync ls -l ~/work/photos'))
      .argument('[PATH]', 'a folder or file in a pair')
      .option('-l', 'with kinds, sizes and times')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/ls.ts')).ls({ ...options, path })),
  );
  root.addCommand(
    command('get', 'download files now, folders with all that is in them', 'lazysync get ~/work/photos ~/work/film.mkv')
      .argument('<PATH...>', 'files or folders in a pair')
      .option('--timeout <TIME>', 'give up after', '24h')
      .action(async (paths, options) => (await import('./commands/get.ts')).get({ ...options, paths })),
  );
  root.addCommand(
    aboutPairs(command('problems', 'what could not be done, and why', 'lazysync problems'))
      .argument('[PATH]', 'a path in a pair')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/problems.ts')).problems({ ...options, path })),
  );
  root.addCommand(
    aboutPairs(
      command('conflicts', 'files that were changed on both sides; both versions were kept', 'lazysync conflicts'),
    )
      .argument('[PATH]', 'a path in a pair')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/conflicts.ts')).conflicts({ ...options, path })),
  );
  root.addCommand(
    aboutPairs(command('du', 'how much of each folder is here, and how much there is', 'lazysync du ~/work/photos'))
      .argument('[PATH]', 'a folder or file in a pair')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/du.ts')).du({ ...options, path })),
  );
  root.addCommand(
    aboutPairs(
      command('doctor', 'look at this machine and at pairs, and say what to do about what is wrong', 'lazysync doctor'),
    )
      .argument('[PATH]', 'a path in a pair')
      .option('--json', 'for scripts')
      .action(async (path, options) => (await import('./commands/doctor.ts')).doctor({ ...options, path })),
  );
  for (const [name, what] of [
    ['approve', 'carry out what is held (deletes that nobody was seen doing)'],
    ['reject', 'take back what is held: the other side brings it back'],
  ] as const) {
    root.addCommand(
      aboutPairs(command(name, what, `lazysync ${name} ~/work`))
        .argument('[PATH]', 'a path in a pair')
        .action(async (path, options) => (await import('./commands/decide.ts')).decide(name, { ...options, path })),
    );
  }
  registerWishes(root);
  root.addCommand(
    command(
      'init',
      'write lazysync.yaml; with --compose also what docker compose needs to work on these folders',
      'lazysync init --remote /mnt/nas/work --local ~/work',
      'lazysync init --compose --remote /mnt/nas/work --local ~/work',
    )
      .option('--remote <DIR>', 'the slow folder')
      .option('--local <DIR>', 'the fast folder')
      .option('--id <NAME>', 'how the pair is called (default: from the names of its folders)')
      .option('-c, --config <FILE>', 'the file of pairs (default: lazysync.yaml)')
      .option('--compose', 'also .env and the second compose file, beside docker-compose.yml')
      .action(async (options) => (await import('./commands/init.ts')).init(options)),
  );
  root.addCommand(
    command('demo', 'a pair at work in two temporary folders, explained; takes some seconds', 'lazysync demo').action(
      async () => (await import('./commands/demo.ts')).demo(),
    ),
  );
  root.addCommand(
    oneOf(
      'watch',
      'only the watcher, for containers and services; on the file server with --side remote',
      'lazysync watch -c lazysync.yaml\n  lazysync watch --side remote --root /srv/projects --redis redis://client:6379',
    )
      .option('--side <SIDE>', 'remote: watch the disk behind a remote, and tell its pairs at once what changes there')
      .option('--root <DIR>', 'with --side remote: the folder that is mounted elsewhere')
      .option('--remote-id <UUID>', 'with --side remote: the id in its marker (default: whichever it carries)')
      .action(async (options) => {
        if (options.side === undefined || options.side === 'local') {
          if (options.root !== undefined || options.remoteId !== undefined)
            throw usage('The options --root and --remote-id go with --side remote.');
          await (await import('./commands/one-process.ts')).oneProcess('watcher', options);
        } else await (await import('./commands/watch-remote.ts')).watchRemote(options);
      }),
  );
  root.addCommand(
    oneOf('work', 'only the worker, for containers and services', 'lazysync work -c lazysync.yaml').action(
      async (options) => (await import('./commands/one-process.ts')).oneProcess('sync-worker', options),
    ),
  );
  root.addCommand(
    oneOf('dashboard', 'only the dashboard', 'lazysync dashboard --port 7420')
      .option('--host <HOST>', 'where it listens; beyond this machine only with a token', '127.0.0.1')
      .option('--port <N>', 'the port', '7420')
      .action(async (options) => (await import('./commands/one-process.ts')).oneProcess('dashboard', options)),
  );
  root.argument('[COMMAND]').action((name: string | undefined) => {
    if (name !== undefined)
      throw usage(`There is no command ${JSON.stringify(name)}: "lazysync --help" lists them all.`);
    root.outputHelp();
  });
  return root;
}
