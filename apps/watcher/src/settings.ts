/** What of a pair's settings is the watcher's. */
import type { LocalWatch } from '@lazysync/watch';

export interface WatchSettings {
  readonly ignore: readonly string[];
  readonly watch: LocalWatch;
  /** null: as the remote's file system needs it. */
  readonly remoteScanMs: number | null;
}

function section(settings: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const found = settings[name];
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
}

/** The configuration was validated when it was loaded: what is left out here has its default. */
export function watchSettings(settings: Readonly<Record<string, unknown>>): WatchSettings {
  const { ignore } = settings;
  const { local } = section(settings, 'watch');
  const { remote } = section(settings, 'scan');
  return {
    ignore: Array.isArray(ignore) ? ignore.filter((one) => typeof one === 'string') : [],
    watch: local === 'chokidar' || local === 'inotify' ? local : 'auto',
    remoteScanMs: typeof remote === 'number' && remote > 0 ? remote : null,
  };
}
