/** What the terminal shows while a job is under way; only the last line, and only where a person looks. */
export interface ProgressLine {
  show(text: string): void;
  /** Removes the line, so that results stand alone. */
  clear(): void;
}

const barCells = 20;

export function bar(step: number, steps: number): string {
  const done = steps > 0 ? Math.min(barCells, Math.round((step / steps) * barCells)) : 0;
  return `${'█'.repeat(done)}${'░'.repeat(barCells - done)} ${step}/${steps}`;
}

/** On a terminal one line is rewritten; in a log, repeating it would only be noise, so there each new state is one line. */
export function createProgressLine(stream: NodeJS.WriteStream, isQuiet: boolean): ProgressLine {
  let shown = '';
  if (isQuiet) return { show: () => {}, clear: () => {} };
  if (!stream.isTTY) {
    return {
      show: (text) => {
        const state = text.replace(/ [█░].*$/u, '');
        if (state !== shown) stream.write(`${state}\n`);
        shown = state;
      },
      clear: () => {},
    };
  }
  return {
    show: (text) => {
      if (text !== shown) stream.write(`\r\x1b[2K${text}`);
      shown = text;
    },
    clear: () => {
      if (shown !== '') stream.write('\r\x1b[2K');
      shown = '';
    },
  };
}
