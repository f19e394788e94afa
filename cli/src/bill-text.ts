import { formatCount, formatSeconds } from './texts.js';

export type BillLine = { readonly description: string; readonly tokens: number };

/** Wide enough for the usual descriptions; amounts stand in one column, units under units. */
const descriptionColumns = 44;

/** The lines of a bill; they add up to the token. */
export function billLines(lines: readonly BillLine[]): string[] {
  const amounts = lines.map(({ tokens }) => formatCount(tokens));
  const width = Math.max(...amounts.map((amount) => amount.length), 0);
  const columns = Math.max(descriptionColumns, ...lines.map(({ description }) => description.length));
  return lines.map(({ description }, at) => `  ${description.padEnd(columns)}  ${(amounts[at] ?? '').padStart(width)}`);
}

/** In the unit of the wallet that pays. */
export function tokensText(tokens: number, wallet = 'plan'): string {
  const unit = wallet === 'credits' ? 'API credit' : 'token';
  return `${formatCount(tokens)} ${tokens === 1 ? unit : `${unit}s`}`;
}

export type Timings = { readonly totalMs: number; readonly queuedMs: number; readonly paintingMs: number; readonly storingMs: number };

export function timingText({ totalMs, queuedMs, paintingMs, storingMs }: Timings): string {
  return `${formatSeconds(totalMs)} s: queued ${formatSeconds(queuedMs)}, painting ${formatSeconds(paintingMs)}, storing ${formatSeconds(storingMs)}`;
}
