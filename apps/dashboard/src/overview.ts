/**
 * The page at `/`. It is rendered once; afterwards only its regions are exchanged (the elements with `data-region`),
 * so that nothing jumps, no focus is lost and the browser needs no template of its own.
 */
import type { StoredConflict, StoredProblem, Transfer } from '@lazysync/base';
import type { PairReport } from '@lazysync/status';
import { type Html, html } from './html.ts';
import { bytes, count, plural, STATE_MEANING, STATE_WORDS } from './words.ts';

/** A finished job of the lane, newest first. */
export interface Action {
  readonly id: string;
  /** ms since 1970. */
  readonly at: number;
  readonly what: string;
  readonly outcome: string | null;
}

export interface PairView {
  readonly report: PairReport;
  readonly latest: readonly Action[];
  /** Path of the lane's page. */
  readonly lane: string;
}

/** What the browser gets: per pair its state (for the colour) and its regions as HTML. */
export interface LivePair {
  readonly id: string;
  readonly state: string;
  readonly regions: Readonly<Record<string, string>>;
}

const LONGEST_LIST = 20;

export function livePair(view: PairView): LivePair {
  const regions = Object.fromEntries(Object.entries(regionsOf(view)).map(([name, part]) => [name, part.html]));
  return { id: view.report.status.id, state: view.report.status.state, regions };
}

/** A number that should be zero. */
const alarming = (value: number): Html => (value === 0 ? html`0` : html`<mark>${count(value)}</mark>`);

function regionsOf({ report, latest }: PairView): Readonly<Record<string, Html>> {
  const { status } = report;
  const files = status.stubs + status.copies;
  return {
    state: html`${STATE_WORDS[status.state]}`,
    why: html`${why(report)}`,
    here: html`<strong>${bytes(status.cachedBytes)}</strong> here of ${bytes(status.remoteBytes)}`,
    bar: html`<progress max="100" value="${share(status.cachedBytes, status.remoteBytes)}" aria-label="share of the bytes that are here"></progress>`,
    queued: html`${count(status.queued)}`,
    transfers: html`${count(status.transfers)}`,
    files: html`${count(files)}`,
    stubs: html`${count(status.stubs)}`,
    copies: html`${count(status.copies)}`,
    directories: html`${count(status.directories)}`,
    conflicts: alarming(status.conflicts),
    problems: alarming(status.problems),
    processes: html`${processes(report)}`,
    lists: html`${lists(report)}`,
    latest: html`${latestList(latest)}`,
  };
}

export function renderCard(view: PairView): Html {
  const { status } = view.report;
  const parts = regionsOf(view);
  const region = (name: string): Html => parts[name] ?? html``;
  const figure = (name: string, label: string): Html =>
    html`<div><dt>${label}</dt><dd data-region="${name}">${region(name)}</dd></div>`;
  return html`
<article class="card" data-pair="${status.id}" data-state="${status.state}" aria-labelledby="pair-${status.id}">
  <header>
    <h2 id="pair-${status.id}">${status.id}</h2>
    <span class="pill"><span class="dot" aria-hidden="true"></span><span data-region="state" role="status">${region('state')}</span></span>
  </header>
  <p class="why" data-region="why">${region('why')}</p>
  <dl class="roots">
    <div><dt>local</dt><dd>${path(status.local)}</dd></div>
    <div><dt>remote</dt><dd>${path(status.remote)}</dd></div>
  </dl>
  <div class="cache"><p data-region="here">${region('here')}</p><div data-region="bar">${region('bar')}</div></div>
  <dl class="figures">
    ${figure('queued', 'queued')}${figure('transfers', 'transfers')}${figure('files', 'files')}${figure('stubs', 'stubs')}
    ${figure('copies', 'copies')}${figure('directories', 'folders')}${figure('conflicts', 'conflicts')}${figure('problems', 'problems')}
  </dl>
  <div data-region="lists">${region('lists')}</div>
  <section class="latest" aria-label="latest actions of ${status.id}">
    <h3>Latest</h3>
    <div data-region="latest">${region('latest')}</div>
  </section>
  <footer><a class="lane" href="${view.lane}">Open the queue</a><span class="processes" data-region="processes">${region('processes')}</span></footer>
</article>`;
}

export function renderPage(pairs: readonly PairView[]): string {
  const body =
    pairs.length === 0
      ? html`<p class="empty">No pair is configured. <code>lazysync up --remote DIR --local DIR</code> starts one.</p>`
      : html`${pairs.map(renderCard)}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>LazySync</title>
<link rel="icon" type="image/svg+xml" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/overview.css">
<script src="/assets/overview.js" defer></script>
</head>
<body>
<header class="top">
  <h1><img src="/assets/icon.svg" alt="" width="28" height="28">LazySync</h1>
  <nav><a href="/queues">All queues</a></nav>
  <p id="live" data-live="no" role="status">not live</p>
</header>
<main>${body}</main>
</body>
</html>
`.html;
}

/** A long path may break after each slash, not inside a name. */
function path(text: string): Html {
  return html`<code>${text.split('/').map((segment, index) => (index === 0 ? html`${segment}` : html`/<wbr>${segment}`))}</code>`;
}

function share(part: number, all: number): number {
  return all <= 0 ? 0 : Math.min(100, Math.round((part / all) * 1000) / 10);
}

function why(report: PairReport): string {
  const { progress, why: said, status } = report;
  if (status.state === 'starting' && progress !== null)
    return `Mirroring ${count(progress.done)} of ${count(progress.total)}.`;
  return said ?? STATE_MEANING[status.state];
}

function processes({ status }: PairReport): string {
  const name = (refs: readonly { readonly pid: number; readonly host: string }[]): string =>
    refs.map(({ pid, host }) => `${host}:${pid}`).join(', ') || 'none';
  return `redis ${status.redis} · watcher ${name(status.watchers)} · worker ${name(status.worker)}`;
}

function lists({ transfers, problems, held, conflicts }: PairReport): Html {
  return html`${list('Transfers', transfers, transfer)}${list('Waiting for your yes', held, problem)}${list('Problems', problems, problem)}${list('Conflicts', conflicts, conflict)}`;
}

function list<T>(title: string, all: readonly T[], row: (one: T) => Html): Html {
  if (all.length === 0) return html``;
  const rest = all.length - LONGEST_LIST;
  const more = rest > 0 ? html`<li class="more">and ${plural(rest, 'other', 'others')}</li>` : html``;
  return html`<section class="list"><h3>${title}</h3><ul>${all.slice(0, LONGEST_LIST).map(row)}${more}</ul></section>`;
}

function transfer({ path: at, state, bytes: done, remote }: Transfer): Html {
  const words = { queued: 'waits', running: `${bytes(done)} of ${bytes(remote.size)}`, staged: 'downloaded' }[state];
  return html`<li>${path(at)}<span>${words}</span>${state === 'running' ? html`<progress max="${Math.max(1, remote.size)}" value="${done}"></progress>` : html``}</li>`;
}

function problem({ path: at, message }: StoredProblem): Html {
  return html`<li>${path(at === '' ? '.' : at)}<span>${message}</span></li>`;
}

function conflict({ path: at, conflict: other, at: time }: StoredConflict): Html {
  return html`<li>${path(at)}<span>the local version is kept as ${other} (${clock(time)})</span></li>`;
}

function latestList(actions: readonly Action[]): Html {
  if (actions.length === 0) return html`<p class="none">Nothing yet.</p>`;
  const rows = actions.map(
    ({ at, what, outcome }) =>
      html`<li>${clock(at)}<span class="what">${what}</span><span class="outcome">${outcome}</span></li>`,
  );
  return html`<ol>${rows}</ol>`;
}

/** In UTC, until the page's script has put it into the reader's own time. */
function clock(at: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(11, 19)}</time>`;
}
