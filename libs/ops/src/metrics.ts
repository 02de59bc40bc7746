/** A registry of Prometheus metrics that belongs to whoever made it: no global state. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  counter<L extends string>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  gauge<L extends string>(name: string, help: string, labels?: readonly L[]): Gauge<L>;
  /** `buckets` in the metric's own unit (seconds, bytes). */
  histogram<L extends string>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly L[],
  ): Histogram<L>;
  /** In Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

export interface MetricsOptions {
  /** Put before every name. */
  readonly prefix: string;
  /** Also CPU, memory and event loop of this process. */
  readonly process?: boolean;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const { prefix } = options;
  if (options.process === true) collectDefaultMetrics({ register: registry, prefix });
  const shared = <L extends string>(name: string, help: string, labels: readonly L[]) => ({
    name: `${prefix}${name}`,
    help,
    labelNames: labels,
    registers: [registry],
  });
  return {
    counter: (name, help, labels = []) => new Counter(shared(name, help, labels)),
    gauge: (name, help, labels = []) => new Gauge(shared(name, help, labels)),
    histogram: (name, help, buckets, labels = []) =>
      new Histogram({ ...shared(name, help, labels), buckets: [...buckets] }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
