/** One line on a terminal that is written over again and again. Where nobody looks on, nothing is written. */

export interface ProgressLine {
  show(text: string): void;
  /** Takes the line away, so that something else can be written. */
  clear(): void;
}

export function createProgressLine(stream: NodeJS.WriteStream): ProgressLine {
  let shown = '';
  if (stream.isTTY !== true) return { show: () => undefined, clear: () => undefined };
  return {
    show: (text) => {
      const line = text.slice(0, Math.max(1, (stream.columns || 80) - 1));
      if (line === shown) return;
      stream.write(`\r${line}\x1b[K`);
      shown = line;
    },
    clear: () => {
      if (shown === '') return;
      stream.write('\r\x1b[K');
      shown = '';
    },
  };
}
