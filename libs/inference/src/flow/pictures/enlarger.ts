import path from 'node:path';
import sharp from 'sharp';
import type { EnlargingGraph } from '@tessera/models/manifest-entries.js';
import { floats, numbers, type Sessions } from '../sessions.js';
import type { Pixels } from './pictures.js';

/** Graphs that enlarge, and where their files lie. */
export type Enlarger = { readonly folder: string; readonly superResolution: readonly EnlargingGraph[] };

type Size = { readonly widthPx: number; readonly heightPx: number };
type Rectangle = { readonly left: number; readonly top: number; readonly width: number; readonly height: number };

/** What a graph holds in memory grows with its tile, about 100 MB at this side with the bundled ones. */
export const tileSidePx = 256;

/** What is missing to a size that is no multiple is plain resampling, not a pass of a graph. */
const restMax = 1.02;

/** The passes that make a picture `scale` times as large or larger, at the least cost. */
export function passesFor(scale: number, { superResolution }: Enlarger): readonly EnlargingGraph[] {
  const graphs = superResolution.toSorted((a, b) => a.factor - b.factor);
  const passes: EnlargingGraph[] = [];
  for (let left = scale; left > restMax;) {
    const next = graphs.find(({ factor }) => factor >= left) ?? graphs.at(-1);
    if (!next) break;
    passes.push(next);
    left /= next.factor;
  }
  return passes;
}

/** Parts of about equal length, none longer than a tile. */
function partsOf(lengthPx: number): readonly { readonly from: number; readonly to: number }[] {
  const count = Math.ceil(lengthPx / tileSidePx);
  return Array.from({ length: count }, (_, k) => ({
    from: Math.round((k * lengthPx) / count),
    to: Math.round(((k + 1) * lengthPx) / count),
  }));
}

export const tilesOf = ({ widthPx, heightPx }: Size): number => partsOf(widthPx).length * partsOf(heightPx).length;

/** How many tiles an enlargement takes. */
export function countTiles(size: Size, passes: readonly EnlargingGraph[]): number {
  let [count, { widthPx, heightPx }] = [0, size];
  for (const { factor } of passes) {
    count += tilesOf({ widthPx, heightPx });
    widthPx *= factor;
    heightPx *= factor;
  }
  return count;
}

/**
 * RGB pixels of exactly the target's size. Each pass runs tile by tile: a tile brings as much of its neighbourhood along as its pixels depend on, so it comes out as it
 * would in one piece, and needs no blending. The last pass is squeezed to the target's width row of tiles by row of tiles: the whole of it could be four times the target.
 */
export async function enlargeTo(source: Pixels, target: Size, enlarger: Enlarger, sessions: Sessions, onTile: () => void): Promise<Pixels> {
  const scale = Math.max(target.widthPx / source.widthPx, target.heightPx / source.heightPx);
  const passes = passesFor(scale, enlarger);
  let picture = source;
  for (const [k, pass] of passes.entries()) {
    const isLast = k === passes.length - 1;
    picture = await enlargedBy(pass, picture, isLast ? target.widthPx : picture.widthPx * pass.factor, enlarger.folder, sessions, onTile);
  }
  return resampled(picture, target);
}

async function enlargedBy(
  pass: EnlargingGraph,
  source: Pixels,
  widthPx: number,
  folder: string,
  sessions: Sessions,
  onTile: () => void,
): Promise<Pixels> {
  const { factor } = pass;
  const heightPx = source.heightPx * factor;
  const data = new Uint8Array(3 * widthPx * heightPx);
  for (const { from: top, to: bottom } of partsOf(source.heightPx)) {
    const band = {
      widthPx: source.widthPx * factor,
      heightPx: (bottom - top) * factor,
      data: new Uint8Array(3 * source.widthPx * factor * (bottom - top) * factor),
    };
    for (const { from: left, to: right } of partsOf(source.widthPx)) {
      await enlargeTile(pass, source, { left, top, width: right - left, height: bottom - top }, band, folder, sessions);
      onTile();
    }
    data.set((await resampled(band, { widthPx, heightPx: band.heightPx })).data, 3 * widthPx * top * factor);
  }
  return { widthPx, heightPx, data };
}

/** Writes the enlarged tile into the band that it is part of. */
async function enlargeTile(
  { file, factor, input, output, receptiveFieldPx }: EnlargingGraph,
  source: Pixels,
  tile: Rectangle,
  band: { readonly widthPx: number; readonly data: Uint8Array },
  folder: string,
  sessions: Sessions,
): Promise<void> {
  const width = tile.width + 2 * receptiveFieldPx;
  const height = tile.height + 2 * receptiveFieldPx;
  const around = { left: tile.left - receptiveFieldPx, top: tile.top - receptiveFieldPx, width, height };
  const { enlarged } = await sessions.run(
    path.join(folder, file),
    { inputs: { picture: input }, outputs: { enlarged: output } },
    { picture: floats(planesOf(source, around), 1, 3, height, width) },
  );
  const values = numbers(enlarged);
  const rowPx = width * factor;
  const planePx = rowPx * height * factor;
  for (let y = 0; y < tile.height * factor; y += 1) {
    let from = (receptiveFieldPx * factor + y) * rowPx + receptiveFieldPx * factor;
    let to = 3 * (y * band.widthPx + tile.left * factor);
    for (let x = 0; x < tile.width * factor; x += 1, from += 1)
      for (let channel = 0; channel < 3; channel += 1, to += 1)
        band.data[to] = Math.round(255 * Math.min(1, Math.max(0, values[channel * planePx + from] ?? 0)));
  }
}

/** Red, green and blue of a part, in 0..1. Its edges go on beyond the picture: to a graph that pads with zeros the picture would end in black, which shows. */
function planesOf({ data, widthPx, heightPx }: Pixels, { left, top, width, height }: Rectangle): Float32Array {
  const planes = new Float32Array(3 * width * height);
  for (let y = 0; y < height; y += 1) {
    const row = Math.min(heightPx - 1, Math.max(0, top + y)) * widthPx;
    for (let x = 0; x < width; x += 1) {
      const from = 3 * (row + Math.min(widthPx - 1, Math.max(0, left + x)));
      for (let channel = 0; channel < 3; channel += 1) planes[(channel * height + y) * width + x] = (data[from + channel] ?? 0) / 255;
    }
  }
  return planes;
}

async function resampled(picture: Pixels, { widthPx, heightPx }: Size): Promise<Pixels> {
  if (picture.widthPx === widthPx && picture.heightPx === heightPx) return picture;
  const data = await sharp(picture.data, { raw: { width: picture.widthPx, height: picture.heightPx, channels: 3 } })
    .resize(widthPx, heightPx, { fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  return { widthPx, heightPx, data };
}
