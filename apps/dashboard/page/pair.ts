/** One pair: how it is, what is done, what could not be done, and what waits for a person. */
import type {
  ActionShape,
  ConflictShape,
  HistoryAnswer,
  ListPart,
  PairDetail,
  ProblemShape,
  SaidAnswer,
  Sample,
  TransferShape,
  TrashAnswer,
} from '../src/shapes.ts';
import { type Answer, carryOut, get, pairId, pairUrl, post } from './api.ts';
import { type Charts, createCharts } from './charts.ts';
import { announce, byId, clock, confirmed, el, inBackground, keyed, pathText, say, show } from './dom.ts';
import { follow } from './events.ts';
import { hereOf, lag, processes, share, why } from './pair-words.ts';
import { bytes, count, plural, STATE_WORDS } from './words.ts';

const pair = pairId();
let paused = false;
let charts: Charts | null = null;

const FIGURES: readonly (readonly [name: string, label: string, value: (pair: PairDetail) => string])[] = [
  ['queued', 'queued', ({ queued }) => count(queued)],
  ['lag', 'lag', lag],
  ['transfers', 'transfers', ({ transfers }) => count(transfers)],
  ['directories', 'folders', ({ directories }) => count(directories)],
  ['stubs', 'stubs', ({ stubs }) => count(stubs)],
  ['copies', 'copies', ({ copies }) => count(copies)],
  ['conflicts', 'conflicts', ({ conflicts }) => count(conflicts)],
  ['problems', 'problems', ({ problems }) => count(problems)],
];

function begin(): void {
  document.title = `${pair} – LazySync`;
  say('name', pair);
  byId<HTMLAnchorElement>('files-link').href = `/pairs/${encodeURIComponent(pair)}/tree`;
  byId<HTMLAnchorElement>('lane-link').href = `/queues/queue/${encodeURIComponent(pair)}`;
  byId('figures').append(
    ...FIGURES.map(([name, label]) => el('div', {}, el('dt', {}, label), el('dd', { id: `figure-${name}` }))),
  );
  inBackground(
    get<HistoryAnswer>(pairUrl(pair, '/history')).then((answer) => {
      if (answer.kind === 'ok') charts = createCharts(answer.value);
    }),
  );
  follow(pairUrl(pair, '/events'), {
    detail: showDetail,
    actions: showActions,
    samples: (samples: readonly Sample[]) => charts?.add(samples),
  });
  on('pause', async () => {
    await tell(post<SaidAnswer>(pairUrl(pair, paused ? '/resume' : '/pause')));
  });
  on('rescan', async () => {
    announce('Both sides are looked at…');
    await tellResult(carryOut(pair, { command: 'rescan', path: '' }));
  });
  on('approve', async () => {
    if (await confirmed('Carry out what is held? What is deleted goes to the trash.', 'Approve'))
      await decide('approve');
  });
  on('reject', () => decide('reject'));
  on('trash-show', showTrash);
}

function on(id: string, act: () => Promise<void>): void {
  const button = byId<HTMLButtonElement>(id);
  button.addEventListener('click', () => {
    button.disabled = true;
    inBackground(
      act().finally(() => {
        button.disabled = false;
      }),
    );
  });
}

async function tell(asked: Promise<Answer<SaidAnswer>>): Promise<void> {
  const answer = await asked;
  if (answer.kind === 'ok') announce(answer.value.message);
  else announce(answer.message, true);
}

async function tellResult(asked: Promise<Answer<string>>): Promise<void> {
  const answer = await asked;
  if (answer.kind === 'ok') announce(answer.value);
  else announce(answer.message, true);
}

const decide = (decision: 'approve' | 'reject'): Promise<void> =>
  tell(post<SaidAnswer>(pairUrl(pair, '/held'), { decision }));

let roots = '';

function showDetail(detail: PairDetail): void {
  byId('pair').dataset.state = detail.state;
  say('state', STATE_WORDS[detail.state]);
  say('why', why(detail));
  say('here', hereOf(detail));
  byId<HTMLProgressElement>('bar').value = share(detail.cachedBytes, detail.remoteBytes);
  say('processes', processes(detail));
  if (roots !== `${detail.local}\n${detail.remote}`) {
    roots = `${detail.local}\n${detail.remote}`;
    byId('local').replaceChildren(pathText(detail.local));
    byId('remote').replaceChildren(pathText(detail.remote));
  }
  for (const [name, , value] of FIGURES) say(`figure-${name}`, value(detail));
  byId('figure-conflicts').classList.toggle('alarm', detail.conflicts > 0);
  byId('figure-problems').classList.toggle('alarm', detail.problems > 0);
  paused = detail.state === 'paused';
  say('pause', paused ? 'Resume' : 'Pause');
  show('held', detail.heldList.total > 0);
  keyed(byId('held-list'), detail.heldList.items, ({ path }) => path, heldItem);
  list('transfers', detail.transferList, ({ id }) => id, transferItem);
  list('problems', detail.problemList, ({ path }) => path, problemItem);
  list('conflicts', detail.conflictList, ({ conflict }) => conflict, conflictItem);
}

/** Lists of which all is shown, because somebody wanted it. */
const opened = new Set<string>();

function list<T>(
  name: string,
  { total, items }: ListPart<T>,
  keyOf: (item: T) => string,
  render: (item: T) => HTMLElement,
): void {
  say(`${name}-count`, total === 0 ? '' : count(total));
  show(`${name}-none`, total === 0);
  const place = byId(`${name}-list`);
  const more = document.getElementById(`${name}-more`);
  if (!opened.has(name)) keyed(place, items, keyOf, render);
  if (more === null) return;
  more.hidden = opened.has(name) || total <= items.length;
  more.onclick = async () => {
    const answer = await get<ListPart<T>>(pairUrl(pair, `/${name}?limit=1000`));
    if (answer.kind === 'refused') return announce(answer.message, true);
    opened.add(name);
    more.hidden = true;
    keyed(place, answer.value.items, keyOf, render);
  };
}

const heldItem = ({ message }: ProblemShape): HTMLElement => el('li', {}, message);

function transferItem({ path, state, bytes: here, size }: TransferShape): HTMLElement {
  const words = { queued: `waits, ${bytes(size)}`, running: `${bytes(here)} of ${bytes(size)}`, staged: 'downloaded' }[
    state
  ];
  const bar = el('progress', { max: Math.max(1, size), value: state === 'staged' ? size : here, 'aria-label': path });
  return el('li', {}, pathText(path), el('span', {}, words), state === 'queued' ? null : bar);
}

function problemItem({ path, message, since }: ProblemShape): HTMLElement {
  const look = el(
    'button',
    { type: 'button', 'aria-label': `Look again at ${path === '' ? 'everything' : path}` },
    'Look again',
  );
  look.addEventListener('click', () => {
    look.disabled = true;
    inBackground(
      tellResult(carryOut(pair, { command: 'rescan', path })).finally(() => {
        look.disabled = false;
      }),
    );
  });
  return el('li', {}, pathText(path === '' ? '.' : path), el('span', {}, message, ' Since ', clock(since), '.'), look);
}

function conflictItem({ path, conflict, at }: ConflictShape): HTMLElement {
  return el(
    'li',
    {},
    pathText(path),
    el('span', {}, 'The local version is kept as ', pathText(conflict), ' (', clock(at), ').'),
  );
}

function showActions(actions: readonly ActionShape[]): void {
  show('latest-none', actions.length === 0);
  keyed(byId('latest'), actions, ({ id }) => id, actionItem);
}

function actionItem({ at, what, outcomes, outcomeCount }: ActionShape): HTMLElement {
  const [first] = outcomes;
  const item = el('li', {}, clock(at), el('span', { class: 'what' }, what));
  if (first === undefined) return item;
  if (outcomeCount === 1) {
    item.append(el('span', { class: 'outcome' }, first.outcome));
    return item;
  }
  const rest = outcomeCount - outcomes.length;
  item.append(
    el(
      'details',
      { class: 'outcome' },
      el('summary', {}, `${first.outcome}, and ${plural(outcomeCount - 1, 'more', 'more')}`),
      el(
        'ul',
        {},
        ...outcomes.map(({ path, outcome }) =>
          el('li', {}, pathText(path === '' ? '.' : path), el('span', {}, outcome)),
        ),
        rest > 0 ? el('li', {}, `and ${count(rest)} more`) : null,
      ),
    ),
  );
  return item;
}

type TrashItem = TrashAnswer['items'][number];

async function showTrash(): Promise<void> {
  const answer = await get<TrashAnswer>(pairUrl(pair, '/trash?limit=200'));
  if (answer.kind === 'refused') return announce(answer.message, true);
  show('trash-none', answer.value.items.length === 0);
  keyed(byId('trash-list'), answer.value.items, ({ side, slot, path }) => `${side}:${slot}:${path}`, trashItem);
}

function trashItem({ side, slot, path, kind, size, removedAt }: TrashItem): HTMLElement {
  const restore = el('button', { type: 'button', 'aria-label': `Restore ${path}` }, 'Restore');
  restore.addEventListener('click', () => {
    restore.disabled = true;
    inBackground(tellResult(carryOut(pair, { command: 'restore', path, from: `${side}:${slot}` })).then(showTrash));
  });
  const what = `${size === null ? kind : bytes(size)}, from ${side}`;
  return el(
    'li',
    {},
    pathText(path),
    el('span', {}, what, removedAt === null ? null : ', ', removedAt === null ? null : clock(removedAt)),
    restore,
  );
}

begin();
