/** What supervised processes say, in one stream: JSON as it came, or pretty where a person looks on. */

const LEVELS: Readonly<Record<string, string>> = {
  trace: 'TRACE',
  debug: 'DEBUG',
  info: 'INFO ',
  warn: 'WARN ',
  error: 'ERROR',
  fatal: 'FATAL',
};

const HIDDEN: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err', 'pair']);

function clock(time: unknown): string {
  const at = new Date(typeof time === 'number' || typeof time === 'string' ? time : Number.NaN);
  if (Number.isNaN(at.getTime())) return '--:--:--';
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** One line of a process's stderr, for a person. A line that is no log record is shown as it is. */
export function prettyLine(process: string, line: string): string {
  const plain = `${process} | ${line}`;
  if (!line.startsWith('{')) return plain;
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return plain; // torn by a death in the middle of a line
  }
  const { level, time, msg, err, pair } = record;
  const shownLevel = LEVELS[String(level)] ?? String(level ?? '').toUpperCase();
  const more = Object.entries(record)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const error = typeof err === 'object' && err !== null ? (err as { stack?: unknown; message?: unknown }) : null;
  const because = error === null ? [] : [String(error.stack ?? error.message ?? '')];
  const head = [clock(time), shownLevel, process, ...(typeof pair === 'string' ? [`[${pair}]`] : [])].join(' ');
  return [`${head} ${String(msg ?? '')}`, ...(more.length > 0 ? [more.join(' ')] : []), ...because].join('  ');
}

/** Cuts a stream into lines; what is left at the end counts as one. */
export function onLines(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
  stream.on('end', () => {
    if (rest !== '') take(rest);
    rest = '';
  });
}

/** What a process that failed said last of the reason, in one line; null: nothing of use. */
export function lastErrorIn(lines: readonly string[]): string | null {
  for (const line of lines.toReversed()) {
    const said = line.startsWith('{') ? errorOfRecord(line) : errorOfTrace(line);
    if (said !== null) return said.trim().replace(/\.$/, '');
  }
  return null;
}

function errorOfRecord(line: string): string | null {
  let record: { readonly level?: unknown; readonly msg?: unknown; readonly err?: unknown };
  try {
    record = JSON.parse(line) as typeof record;
  } catch {
    return null; // torn by a death in the middle of a line
  }
  if (record.level !== 'error' && record.level !== 'fatal') return null;
  const message = (record.err as { message?: unknown } | null | undefined)?.message;
  const said = typeof message === 'string' ? message : record.msg;
  return typeof said === 'string' && said !== '' ? (said.split('\n')[0] ?? null) : null;
}

/** Of what Node prints of an error that nobody caught. */
function errorOfTrace(line: string): string | null {
  return /^(?:Uncaught )?(?:\w*Error|Exception)(?: \[\w+\])?: (.+)$/.exec(line)?.[1] ?? null;
}
