/** The last hour as two charts: what was moved, and how long the queue was. */
import type { HistoryAnswer, Sample } from '../src/shapes.ts';
import { byId, say } from './dom.ts';
import uPlot from './uplot.js';
import { bytes, count } from './words.ts';

const HEIGHT = 150;
/** An hour of single steps would be a fence of spikes: so many ms make one point. */
const POINT_MS = 30_000;
const narrow = (): boolean => innerWidth < 480;

interface Chart {
  readonly plot: uPlot;
  readonly place: HTMLElement;
}

export interface Charts {
  /** The newest steps: the last ones known are replaced. */
  add(samples: readonly Sample[]): void;
}

export function createCharts({ samples: first }: HistoryAnswer): Charts {
  let samples: Sample[] = [...first];
  let charts = draw();
  const dark = matchMedia('(prefers-color-scheme: dark)');

  function draw(): readonly Chart[] {
    return [moved(), queue()].map(({ id, series, axis, least }) => {
      const place = byId(id);
      place.replaceChildren();
      const plot = new uPlot(optionsOf(place, series, axis, least), data(id), place);
      return { plot, place };
    });
  }
  function data(id: string): uPlot.AlignedData {
    const points = coarse(samples);
    const at = points.map((one) => one.at / 1000);
    const perSecond = (value: number): number => (value * 1000) / POINT_MS;
    if (id === 'chart-moved')
      return [at, points.map((one) => perSecond(one.bytesDown)), points.map((one) => perSecond(one.bytesUp))];
    return [at, points.map((one) => one.queued), points.map((one) => 60 * perSecond(one.actions))];
  }
  function refresh(): void {
    for (const { plot, place } of charts) plot.setData(data(place.id));
    describe();
  }
  function describe(): void {
    const sum = (value: (one: Sample) => number): number => samples.reduce((all, one) => all + value(one), 0);
    say(
      'moved-words',
      `In the last hour ${bytes(sum((one) => one.bytesDown))} came down and ${bytes(sum((one) => one.bytesUp))} went up.`,
    );
    const depths = samples.map((one) => one.queued ?? 0);
    say(
      'queue-words',
      `In the last hour ${count(sum((one) => one.actions))} steps were carried out; the queue held at most ${count(Math.max(0, ...depths))} jobs.`,
    );
  }

  const again = (): void => {
    for (const { plot } of charts) plot.destroy();
    charts = draw();
  };
  dark.addEventListener('change', again);
  new ResizeObserver(() => {
    for (const { plot, place } of charts)
      if (plot.width !== place.clientWidth) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  }).observe(byId('charts'));
  describe();
  return {
    add: (newest) => {
      const [begin] = newest;
      if (begin === undefined) return;
      samples = [...samples.filter((one) => one.at < begin.at), ...newest].slice(-first.length);
      refresh();
    },
  };
}

/** Of the queue the longest, of the rest the sum. */
function coarse(samples: readonly Sample[]): readonly Sample[] {
  const points = new Map<number, Sample>();
  for (const one of samples) {
    const at = Math.floor(one.at / POINT_MS) * POINT_MS;
    const known = points.get(at);
    if (known === undefined) points.set(at, { ...one, at });
    else
      points.set(at, {
        at,
        queued: one.queued === null ? known.queued : Math.max(one.queued, known.queued ?? 0),
        actions: known.actions + one.actions,
        bytesUp: known.bytesUp + one.bytesUp,
        bytesDown: known.bytesDown + one.bytesDown,
      });
  }
  return [...points.values()];
}

interface Plan {
  readonly id: string;
  readonly series: readonly uPlot.Series[];
  readonly axis: (value: number) => string;
  /** The scale reaches at least this far. */
  readonly least: number;
}

/** Jobs come whole. */
const whole = (value: number): string => (Number.isInteger(value) ? count(value) : '');
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function line(label: string, name: string, show: (value: number) => string): uPlot.Series {
  return {
    label,
    stroke: colour(name),
    width: 1.5,
    fill: `${colour(name)}22`,
    points: { show: false },
    spanGaps: false,
    value: (_plot: uPlot, value: number | null) => (value === null ? '–' : show(value)),
  };
}

function moved(): Plan {
  const rate = (value: number): string => `${bytes(value)}/s`;
  return {
    id: 'chart-moved',
    series: [line('down', '--busy', rate), line('up', '--wait', rate)],
    axis: bytes,
    least: 1000,
  };
}

function queue(): Plan {
  const rate = (value: number): string => `${count(value)}/min`;
  return {
    id: 'chart-queue',
    series: [line('queued jobs', '--accent', count), line('steps', '--off', rate)],
    axis: whole,
    least: 4,
  };
}

function optionsOf(
  place: HTMLElement,
  series: readonly uPlot.Series[],
  show: (value: number) => string,
  least: number,
): uPlot.Options {
  const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
  const font = '11px system-ui, sans-serif';
  return {
    width: Math.max(200, place.clientWidth),
    height: HEIGHT,
    series: [{ value: (_plot, at) => (at === null ? '–' : new Date(at * 1000).toLocaleTimeString()) }, ...series],
    axes: [
      {
        ...axis,
        font,
        space: narrow() ? 90 : 60,
        values: (_plot, ticks) =>
          ticks.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })),
      },
      { ...axis, font, size: 58, values: (_plot, ticks) => ticks.map(show) },
    ],
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(least, max ?? 0) * 1.1] } },
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    legend: { live: true },
  };
}
