// Keeps the page at `/` up to date: the server sends the regions of each pair as HTML that it has escaped.

const live = document.getElementById('live');
const shown = new Map();

function say(state, words) {
  if (live === null || live.dataset.live === state) return;
  live.dataset.live = state;
  live.textContent = words;
}

/** Times arrive in UTC; here they are put into the reader's own. */
function localTimes(root) {
  for (const time of root.querySelectorAll('time[datetime]')) {
    const date = new Date(time.dateTime);
    time.textContent = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
    time.title = date.toLocaleString();
  }
}

function show(pairs) {
  const cards = [...document.querySelectorAll('[data-pair]')];
  const same = cards.length === pairs.length && pairs.every((pair, index) => cards[index]?.dataset.pair === pair.id);
  if (!same) {
    // Pairs came or went: the server renders them.
    location.reload();
    return;
  }
  pairs.forEach((pair, index) => {
    const card = cards[index];
    card.dataset.state = pair.state;
    for (const region of card.querySelectorAll('[data-region]')) {
      const html = pair.regions[region.dataset.region];
      if (html === undefined || shown.get(region) === html) continue;
      shown.set(region, html);
      region.innerHTML = html;
      localTimes(region);
    }
  });
}

localTimes(document);
const events = new EventSource('/api/v1/events');
events.addEventListener('pairs', (event) => {
  say('yes', 'live');
  show(JSON.parse(event.data));
});
events.addEventListener('error', () => say('no', 'not live: the dashboard does not answer'));
// A page that is left must not keep one of the browser's few connections.
addEventListener('pagehide', () => events.close());
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});
