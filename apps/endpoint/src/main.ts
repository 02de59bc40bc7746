/**
 * The process that makes all calls on one mount for a watcher or a worker, which forks it, for all pairs that lie there.
 * It may get stuck in a dead mount and can then not be ended, so it holds nothing that anybody waits for, and it ends with
 * its parent.
 */
import module from 'node:module';
import { keepMemorySmall } from '@lazysync/ops';
import { createEndpointServer, type FromEndpoint, type ToEndpoint } from '@lazysync/replica';
import { createInotifyHub } from '@lazysync/watch/inotify';
import { openRemote } from './remote.ts';

/** ms after the start: everything is loaded by then. */
const FLUSH_MS = 2_000;

const channel = process.send?.bind(process);
if (channel === undefined) {
  process.stderr.write('This process is started by the watcher and by the worker, not by hand.\n');
  process.exit(2);
}

/** Not `exit`: that would wait for threads that hang in the mount. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

const send = (message: FromEndpoint): void => {
  channel(message, undefined, undefined, (error: Error | null) => {
    if (error !== null) end(); // the parent is gone
  });
};

keepMemorySmall();
// It ends by being killed, which would write down nothing of what was compiled for the next start.
setTimeout(() => module.flushCompileCache(), FLUSH_MS).unref();

const hub = createInotifyHub();
const server = createEndpointServer({ send, open: (wish) => openRemote(wish, hub, send) });

// What is made over there gets the mode it is given, and needs no second call to get it.
process.umask(0);
// A terminal's Ctrl-C reaches the whole group: it is the parent that decides when this process is not needed any more.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', end);
process.on('disconnect', end);
process.on('message', (message) => server.receive(message as ToEndpoint));
send({ kind: 'here' });
