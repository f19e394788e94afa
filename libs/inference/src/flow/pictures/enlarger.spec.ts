import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { EnlargingGraph } from '@tessera/models/manifest-entries.js';
import sharp from 'sharp';
import { ThreadSessions } from '../../onnx/thread-sessions.fixture.js';
import { bundledFamily } from '../bundled-family.js';
import { floats, numbers } from '../sessions.js';
import { countTiles, enlargeTo, passesFor } from './enlarger.js';
import type { Pixels } from './pictures.js';

const sessions = new ThreadSessions();
afterAll(() => sessions.release());

/** Edges, slopes and noise, from a seed. */
function scene(widthPx: number, heightPx: number): Pixels {
  let state = 7;
  const noise = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const data = new Uint8Array(3 * widthPx * heightPx);
  for (let at = 0; at < data.length; at += 1) {
    const pixel = Math.floor(at / 3);
    const [x, y] = [pixel % widthPx, Math.floor(pixel / widthPx)];
    const checks = (Math.floor(x / 13) + Math.floor(y / 17)) % 2 === 0 ? 70 : 180;
    data[at] = checks + 30 * Math.sin((x + 2 * y) / (9 + (at % 3))) + 40 * (noise() - 0.5);
  }
  return { widthPx, heightPx, data };
}

const graphOf = async (factor: number): Promise<{ folder: string; graph: EnlargingGraph }> => {
  const { folder, superResolution } = await bundledFamily();
  return { folder, graph: superResolution.find((each) => each.factor === factor)! };
};

/** The graph on the whole picture at once, its edges going on beyond it. */
async function inOnePiece(picture: Pixels, { file, input, output, factor }: EnlargingGraph, folder: string): Promise<Uint8Array> {
  const marginPx = 24;
  const [width, height] = [picture.widthPx + 2 * marginPx, picture.heightPx + 2 * marginPx];
  const data = await sharp(picture.data, { raw: { width: picture.widthPx, height: picture.heightPx, channels: 3 } })
    .extend({ top: marginPx, bottom: marginPx, left: marginPx, right: marginPx, extendWith: 'copy' })
    .raw()
    .toBuffer();
  const area = width * height;
  const planes = Float32Array.from({ length: 3 * area }, (_, at) => data[3 * (at % area) + Math.floor(at / area)]! / 255);
  const names = { inputs: { picture: input }, outputs: { enlarged: output } };
  const { enlarged } = await sessions.run(path.join(folder, file), names, { picture: floats(planes, 1, 3, height, width) });
  const values = numbers(enlarged);
  const large = { width: width * factor, height: height * factor, channels: 3 } as const;
  const largeArea = large.width * large.height;
  const pixels = new Uint8Array(values.length);
  for (let at = 0; at < pixels.length; at += 1)
    pixels[at] = Math.round(255 * Math.min(1, Math.max(0, values[(at % 3) * largeArea + Math.floor(at / 3)]!)));
  return sharp(pixels, { raw: large })
    .extract({ left: marginPx * factor, top: marginPx * factor, width: picture.widthPx * factor, height: picture.heightPx * factor })
    .raw()
    .toBuffer();
}

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  let most = 0;
  for (let at = 0; at < a.length; at += 1) most = Math.max(most, Math.abs(a[at]! - b[at]!));
  return most;
}

describe('enlarging in tiles', () => {
  it.each([
    [2, 271, 259, 4],
    [4, 307, 40, 2],
  ])('x%i gives the pixels of one piece, everywhere, in sizes that tiles do not divide', async (factor, widthPx, heightPx, tiles) => {
    const { folder, graph } = await graphOf(factor);
    const source = scene(widthPx, heightPx);
    expect(countTiles(source, [graph])).toBe(tiles);
    const size = { widthPx: widthPx * factor, heightPx: heightPx * factor };
    const tiled = await enlargeTo(source, size, { folder, superResolution: [graph] }, sessions, () => {});
    expect(tiled.data).toHaveLength(3 * size.widthPx * size.heightPx);
    expect(largestDifference(tiled.data, await inOnePiece(source, graph, folder))).toBeLessThanOrEqual(1);
  });

  it('would show seams without what a tile brings along', async () => {
    const { folder, graph } = await graphOf(2);
    const source = scene(307, 60);
    const superResolution = [{ ...graph, receptiveFieldPx: 0 }];
    const tiled = await enlargeTo(source, { widthPx: 614, heightPx: 120 }, { folder, superResolution }, sessions, () => {});
    expect(largestDifference(tiled.data, await inOnePiece(source, graph, folder))).toBeGreaterThan(8);
  });

  it('squeezes rows of tiles as it would the whole', async () => {
    const { folder, graph } = await graphOf(2);
    const source = scene(40, 530);
    const enlarger = { folder, superResolution: [graph] };
    const [whole, narrow] = [
      await enlargeTo(source, { widthPx: 80, heightPx: 1060 }, enlarger, sessions, () => {}),
      await enlargeTo(source, { widthPx: 60, heightPx: 1060 }, enlarger, sessions, () => {}),
    ];
    const again = await enlargeTo(whole, { widthPx: 60, heightPx: 1060 }, { folder, superResolution: [] }, sessions, () => {});
    expect(Buffer.compare(narrow.data, again.data)).toBe(0);
  });

  it.each([
    [1.01, []],
    [1.5, [2]],
    [2, [2]],
    [2.03, [4]],
    [3, [4]],
    [4.02, [4]],
    [5, [4, 2]],
    [8, [4, 2]],
  ])('takes for %f times the passes %j', async (scale, factors) => {
    expect(passesFor(scale, await bundledFamily()).map(({ factor }) => factor)).toEqual(factors);
  });
});
