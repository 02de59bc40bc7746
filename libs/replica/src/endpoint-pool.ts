/** The endpoint processes of a watcher or a worker: one for each file system that a remote lies on. */
import { mountOf } from '@lazysync/ops';
import { type Endpoint, enterEndpoint, type RoomOptions } from './endpoint-client.ts';
import { createEndpointHost, type EndpointHost, type EndpointHostOptions } from './endpoint-host.ts';

export interface EndpointPool {
  open(options: RoomOptions): Endpoint;
}

export function createEndpointPool(options: EndpointHostOptions): EndpointPool {
  const hosts = new Map<string, EndpointHost>();
  return {
    open(room) {
      // By the mount table alone: nothing is touched. Several places may show one file system: it lives or dies as one.
      const mount = mountOf(room.remoteRoot);
      const key = mount?.device ?? mount?.mountPoint ?? '';
      const host = hosts.get(key) ?? createEndpointHost(options);
      hosts.set(key, host);
      return enterEndpoint(host, room);
    },
  };
}
