/** All pairs at a glance: one card each, which is filled again whenever something changes. */
import type { PairSummary } from '../src/shapes.ts';
import { byId, el, pathText } from './dom.ts';
import { follow } from './events.ts';
import { hereOf, lag, processes, share, why } from './pair-words.ts';
import { count, STATE_WORDS } from './words.ts';

interface Card {
  readonly node: HTMLElement;
  fill(pair: PairSummary): void;
}

const FILTER_FROM = 8;
const TOGETHER_MS = 50;
const cards = new Map<string, Card>();
let order: readonly string[] = [];

const FIGURES: readonly (readonly [
  name: string,
  label: string,
  value: (pair: PairSummary) => string,
  alarm: boolean,
])[] = [
  ['queued', 'queued', ({ queued }) => count(queued), false],
  ['lag', 'lag', lag, false],
  ['transfers', 'transfers', ({ transfers }) => count(transfers), false],
  ['files', 'files', ({ stubs, copies }) => count(stubs + copies), false],
  ['stubs', 'stubs', ({ stubs }) => count(stubs), false],
  ['copies', 'copies', ({ copies }) => count(copies), false],
  ['conflicts', 'conflicts', ({ conflicts }) => count(conflicts), true],
  ['problems', 'problems', ({ problems, held }) => count(problems + held), true],
];

function put(place: HTMLElement, text: string): void {
  if (place.textContent !== text) place.textContent = text;
}

function createCard(first: PairSummary): Card {
  const { id } = first;
  const url = `/pairs/${encodeURIComponent(id)}`;
  const region = <K extends 'p' | 'span' | 'dd'>(tag: K, name: string, attributes: Record<string, string> = {}) =>
    el(tag, { 'data-region': name, ...attributes });
  const state = region('span', 'state', { role: 'status' });
  const reason = region('p', 'why', { class: 'why' });
  const here = region('p', 'here');
  const bar = el('progress', { max: 100, 'aria-label': `share of the bytes of ${id} that are here` });
  const figures = FIGURES.map(([name, label, value, alarm]) => ({ place: region('dd', name), label, value, alarm }));
  const served = region('span', 'processes', { class: 'processes' });
  const node = el(
    'article',
    { class: 'card', 'data-pair': id, 'aria-labelledby': `pair-${id}` },
    el(
      'header',
      {},
      el('h2', { id: `pair-${id}` }, el('a', { href: url }, id)),
      el('span', { class: 'pill' }, el('span', { class: 'dot', 'aria-hidden': 'true' }), state),
    ),
    reason,
    el(
      'dl',
      { class: 'roots' },
      el('div', {}, el('dt', {}, 'local'), el('dd', {}, pathText(first.local))),
      el('div', {}, el('dt', {}, 'remote'), el('dd', {}, pathText(first.remote))),
    ),
    el('div', { class: 'cache' }, here, bar),
    el('dl', { class: 'figures' }, ...figures.map(({ place, label }) => el('div', {}, el('dt', {}, label), place))),
    el(
      'footer',
      {},
      el('a', { href: url, 'aria-label': `Details of ${id}` }, 'Details'),
      el('a', { href: `${url}/tree`, 'aria-label': `Files of ${id}` }, 'Files'),
      el(
        'a',
        { href: `/queues/queue/${encodeURIComponent(id)}`, class: 'lane', 'aria-label': `Queue of ${id}` },
        'Queue',
      ),
      served,
    ),
  );
  return {
    node,
    fill: (pair) => {
      node.dataset.state = pair.state;
      put(state, STATE_WORDS[pair.state]);
      put(reason, why(pair));
      put(here, hereOf(pair));
      bar.value = share(pair.cachedBytes, pair.remoteBytes);
      for (const { place, value, alarm } of figures) {
        put(place, value(pair));
        if (alarm) place.classList.toggle('alarm', value(pair) !== '0');
      }
      put(served, processes(pair));
    },
  };
}

function arrange(): void {
  const main = byId('pairs');
  const wanted = byId<HTMLInputElement>('filter').value.trim().toLowerCase();
  byId('filter-row').hidden = order.length < FILTER_FROM;
  byId('empty').hidden = order.length > 0;
  const shown = order.filter((id) => id.toLowerCase().includes(wanted));
  const nodes = shown.map((id) => cards.get(id)?.node).filter((node) => node !== undefined);
  if (main.children.length === nodes.length && nodes.every((node, index) => main.children[index] === node)) return;
  main.replaceChildren(...nodes);
}

let arranging = false;
follow('/api/v1/events', {
  order: (ids: readonly string[]) => {
    order = ids;
    arrange();
  },
  pair: (pair: PairSummary) => {
    const card = cards.get(pair.id) ?? createCard(pair);
    card.fill(pair);
    if (cards.has(pair.id)) return;
    cards.set(pair.id, card);
    // A thousand cards come at once: they are put in place together.
    if (arranging) return;
    arranging = true;
    // ORDER: not in a microtask: there is one after each event, and a thousand cards would be put in place a thousand times.
    setTimeout(() => {
      arranging = false;
      arrange();
    }, TOGETHER_MS);
  },
});
byId('filter').addEventListener('input', arrange);
