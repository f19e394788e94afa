import sharp from 'sharp';
import type { Pixels } from './pictures.js';

/** Of the picture before it grew: wide enough for detail to cancel out, narrow enough for shades to count. */
const cellPx = 8;

/**
 * Graphs that enlarge shift colours by a few levels, differently in light and shade. What a picture measures on average around a place is known, so the difference is
 * taken back there, in place.
 */
export async function keepColours(enlarged: Pixels, source: Pixels): Promise<void> {
  const columns = Math.max(1, Math.round(source.widthPx / cellPx));
  const rows = Math.max(1, Math.round(source.heightPx / cellPx));
  const [wanted, made] = [await averages(source, columns, rows), await averages(enlarged, columns, rows)];
  const { widthPx, heightPx, data } = enlarged;
  const across = Array.from({ length: widthPx }, (_, x) => placeOf(x, widthPx, columns));
  const shifts = new Float32Array(3 * columns);
  for (let y = 0; y < heightPx; y += 1) {
    const { before, after, share } = placeOf(y, heightPx, rows);
    for (let k = 0; k < shifts.length; k += 1) {
      const at = (row: number) => (wanted[3 * columns * row + k] ?? 0) - (made[3 * columns * row + k] ?? 0);
      shifts[k] = at(before) * (1 - share) + at(after) * share;
    }
    for (let x = 0, pixel = 3 * widthPx * y; x < widthPx; x += 1, pixel += 3) {
      const cell = across[x];
      if (!cell) continue;
      for (let channel = 0; channel < 3; channel += 1) {
        const shift = (shifts[3 * cell.before + channel] ?? 0) * (1 - cell.share) + (shifts[3 * cell.after + channel] ?? 0) * cell.share;
        data[pixel + channel] = Math.min(255, Math.max(0, Math.round((data[pixel + channel] ?? 0) + shift)));
      }
    }
  }
}

/** Between the middles of which cells a pixel lies, and how near to the second. */
function placeOf(
  pixel: number,
  lengthPx: number,
  cells: number,
): { readonly before: number; readonly after: number; readonly share: number } {
  const at = Math.min(cells - 1, Math.max(0, ((pixel + 0.5) * cells) / lengthPx - 0.5));
  const before = Math.floor(at);
  return { before, after: Math.min(cells - 1, before + 1), share: at - before };
}

const averages = ({ widthPx, heightPx, data }: Pixels, columns: number, rows: number): Promise<Buffer> =>
  sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .resize(columns, rows, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer();
