/** The files of a pair, folder by folder: what is here, what is a stub, and buttons to change that. */
import type { PairDetail, TreeAnswer, TreeItem } from '../src/shapes.ts';
import { type Answer, carryOut, get, pairId, pairUrl } from './api.ts';
import { announce, byId, confirmed, el, inBackground, keyed, say, show } from './dom.ts';
import { follow } from './events.ts';
import { bytes, patternOf, plural } from './words.ts';

const PAGE = 200;
/** So many rows are kept up to date. */
const KEPT = 1000;
/** A folder with more than this many bytes to fetch is asked about first. */
const MUCH = 1_000_000_000;

const pair = pairId();
const home = `/pairs/${encodeURIComponent(pair)}`;
let items: readonly TreeItem[] = [];
let next: string | null = null;
let pins: readonly string[] = [];
let asked = 0;

const folder = (): string => new URL(location.href).searchParams.get('path') ?? '';
const prefix = (): string => byId<HTMLInputElement>('prefix').value;

function urlOf(path: string): string {
  return `${home}/tree${path === '' ? '' : `?path=${encodeURIComponent(path)}`}`;
}

async function page(after: string | null, limit: number): Promise<Answer<TreeAnswer>> {
  const query = new URLSearchParams({ path: folder(), limit: String(limit) });
  if (after !== null) query.set('after', after);
  if (prefix() !== '') query.set('prefix', prefix());
  return await get<TreeAnswer>(pairUrl(pair, `/tree?${query}`));
}

/** From the first row, as many as are shown. */
async function reload(wanted = Math.min(Math.max(items.length, PAGE), KEPT)): Promise<void> {
  const mine = ++asked;
  const found: TreeItem[] = [];
  let after: string | null = null;
  do {
    const answer = await page(after, Math.min(500, wanted - found.length));
    if (mine !== asked) return;
    if (answer.kind === 'refused') return announce(answer.message, true);
    found.push(...answer.value.items);
    after = answer.value.next;
  } while (after !== null && found.length < wanted);
  items = found;
  next = after;
  render();
}

async function more(): Promise<void> {
  const mine = ++asked;
  const answer = await page(next, PAGE);
  if (mine !== asked) return;
  if (answer.kind === 'refused') return announce(answer.message, true);
  const first = answer.value.items[0]?.path;
  items = [...items, ...answer.value.items];
  next = answer.value.next;
  render();
  // Who asked for more by keyboard goes on there.
  if (first !== undefined) rowOf(first)?.querySelector<HTMLElement>('.name')?.focus();
}

function rowOf(path: string): HTMLElement | null {
  return [...byId('items').children].find((row) => (row as HTMLElement).dataset.path === path) as HTMLElement | null;
}

function render(): void {
  const path = folder();
  crumbs(path);
  const size = items.reduce((sum, one) => sum + (one.size ?? 0), 0);
  const here = items.reduce((sum, one) => sum + (one.here ?? 0), 0);
  const shown = `${next === null ? '' : 'the first '}${plural(items.length, 'entry', 'entries')}`;
  say('sum', `${shown}: ${bytes(here)} here of ${bytes(size)}`);
  show('nothing', items.length === 0);
  show('more', next !== null);
  const rows = items.map((item) => ({ item, pinned: pins.includes(patternOf(item.path, item.kind === 'directory')) }));
  keyed(
    byId('items'),
    rows,
    ({ item }) => item.path,
    ({ item, pinned }) => row(item, pinned),
  );
}

function crumbs(path: string): void {
  const steps = path === '' ? [] : path.split('/');
  const links = [{ name: pair, to: '' }, ...steps.map((name, at) => ({ name, to: steps.slice(0, at + 1).join('/') }))];
  byId('crumbs').replaceChildren(
    ...links.map(({ name, to }, at) =>
      el('li', {}, at === links.length - 1 ? el('span', { 'aria-current': 'page' }, name) : folderLink(to, name)),
    ),
  );
  document.title = `${path === '' ? pair : path} – LazySync`;
}

function folderLink(path: string, name: string, className = ''): HTMLElement {
  const link = el('a', { href: urlOf(path), class: className }, name);
  link.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, '', urlOf(path));
    open();
  });
  return link;
}

function open(): void {
  byId<HTMLInputElement>('prefix').value = '';
  items = [];
  inBackground(reload(PAGE).then(() => byId('name').scrollIntoView({ block: 'nearest' })));
}

const WORDS: Readonly<Record<TreeItem['kind'], string>> = {
  directory: 'folder',
  stub: 'stub',
  copy: 'copy',
  link: 'link',
  'one-side': 'one side only',
  problem: 'problem',
};

function row(item: TreeItem, pinnedHere: boolean): HTMLElement {
  const { path, name, kind } = item;
  const isFolder = kind === 'directory';
  const badge = (word: string, state = word): HTMLElement => el('span', { class: 'badge', 'data-kind': state }, word);
  const badges = el(
    'span',
    { class: 'badges' },
    isFolder ? null : badge(WORDS[kind], kind),
    item.pinned || pinnedHere ? badge('pinned') : null,
    item.downloading ? badge('downloading') : null,
    item.conflict ? badge('conflict') : null,
    item.problem !== null && kind !== 'problem' ? badge('problem') : null,
  );
  const title = isFolder ? folderLink(path, `${name}/`, 'name') : el('span', { class: 'name', tabindex: '-1' }, name);
  return el(
    'li',
    { 'data-path': path, 'data-kind': kind },
    title,
    badges,
    el('span', { class: 'size' }, sizeOf(item)),
    el('span', { class: 'buttons' }, ...buttons(item, pinnedHere)),
    item.problem === null ? null : el('span', { class: 'trouble' }, item.problem),
  );
}

function sizeOf({ kind, size, here, files }: TreeItem): string {
  if (size === null) return '';
  if (kind !== 'directory') return bytes(size);
  return `${plural(files ?? 0, 'file', 'files')}, ${bytes(here ?? 0)} here of ${bytes(size)}`;
}

function buttons(item: TreeItem, pinnedHere: boolean): HTMLElement[] {
  const { path, kind, size, here } = item;
  const isFolder = kind === 'directory';
  const made: HTMLElement[] = [];
  const button = (
    word: string,
    say: string,
    wish: Readonly<Record<string, string>>,
    ask: string | null = null,
  ): void => {
    const one = el('button', { type: 'button', title: say, 'aria-label': `${word} ${path}` }, word);
    const act = async (): Promise<void> => {
      if (ask !== null && !(await confirmed(ask, word))) return;
      one.disabled = true;
      const answer = await carryOut(pair, wish);
      one.disabled = false;
      if (answer.kind === 'ok') announce(`${path}: ${answer.value}`);
      else announce(answer.message, true);
      await reload();
    };
    one.addEventListener('click', () => inBackground(act()));
    made.push(one);
  };
  const missing = (size ?? 0) - (here ?? 0);
  const ask = isFolder && missing > MUCH ? `Download ${bytes(missing)} in ${path}?` : null;
  if (kind === 'stub' || (isFolder && (size === null || missing > 0)))
    button('Get', 'download it', { command: 'get', path }, ask);
  if (kind === 'copy' || (isFolder && (here === null || here > 0)))
    button('Free', 'make a stub of it', { command: 'free', path });
  if (kind === 'stub' || kind === 'copy' || isFolder) {
    const pattern = patternOf(path, isFolder);
    if (pinnedHere) button('Unpin', 'no longer always keep it here', { command: 'unpin', pattern });
    else button('Pin', 'always keep it here', { command: 'pin', pattern }, ask);
  }
  return made;
}

/** Up and down go from row to row, Home and End to the ends. */
function walk(event: KeyboardEvent): void {
  const rows = [...byId('items').children];
  const at = rows.findIndex((one) => one.contains(document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  const target = rows[Math.min(Math.max(to, 0), rows.length - 1)];
  target?.querySelector<HTMLElement>('.name')?.focus();
  event.preventDefault();
}

let shownState = '';
let waiting = false;

byId<HTMLAnchorElement>('pair-link').href = home;
byId('more').addEventListener('click', () => inBackground(more()));
byId('find').addEventListener('submit', (event) => event.preventDefault());
byId('prefix').addEventListener('input', () => inBackground(reload(PAGE)));
byId('items').addEventListener('keydown', walk);
addEventListener('popstate', open);
open();
follow(pairUrl(pair, '/events'), {
  detail: (detail: PairDetail) => {
    pins = detail.pins;
    const { stubs, copies, directories, lastChange, transfers, problems, conflicts } = detail;
    const state = JSON.stringify([stubs, copies, directories, lastChange, transfers, problems, conflicts, pins]);
    say('name', `Files of ${pair}`);
    if (state === shownState || waiting) return;
    const first = shownState === '';
    shownState = state;
    waiting = true;
    setTimeout(
      () => {
        waiting = false;
        inBackground(reload());
      },
      first ? 0 : 700,
    );
  },
});
