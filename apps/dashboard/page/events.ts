/** Server-sent events, and the word at the top of the page that says whether they come. */
import { byId } from './dom.ts';

type Handlers = Readonly<Record<string, (data: never) => void>>;

export function follow(url: string, handlers: Handlers): void {
  const source = new EventSource(url);
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => {
      live(true);
      handle(JSON.parse((event as MessageEvent<string>).data) as never);
    });
  }
  source.addEventListener('error', () => live(false));
  // A page that is left must not keep one of the browser's few connections.
  addEventListener('pagehide', () => source.close());
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
}

function live(yes: boolean): void {
  const place = byId('live');
  const state = yes ? 'yes' : 'no';
  if (place.dataset.live === state) return;
  place.dataset.live = state;
  place.textContent = yes ? 'live' : 'not live: the dashboard does not answer';
}
