/** The endpoint processes of a watcher or a worker: one for each file system that a remote lies on. */
import { mountOf } from '@lazysync/ops';
import { type Endpoint, enterEndpoint, type RoomOptions } from './endpoint-client.ts';
import { createEndpointHost, type EndpointHost, type EndpointHostOptions } from './endpoint-host.ts';

export interface EndpointPool {
  open(options: RoomOptions): Endpoint;
  /** Starts the process that this remote will need, so that a pair finds it loaded. It touches nothing yet. */
  warm(remoteRoot: string): void;
}

export function createEndpointPool(options: EndpointHostOptions): EndpointPool {
  const hosts = new Map<string, EndpointHost>();
  const hostOf = (remoteRoot: string): EndpointHost => {
    // By the mount table alone: nothing is touched. Several places may show one file system: it lives or dies as one.
    const mount = mountOf(remoteRoot);
    const key = mount?.device ?? mount?.mountPoint ?? '';
    const host = hosts.get(key) ?? createEndpointHost(options);
    hosts.set(key, host);
    return host;
  };
  return {
    open: (room) => enterEndpoint(hostOf(room.remoteRoot), room),
    warm: (remoteRoot) => hostOf(remoteRoot).warm(),
  };
}
