import { decodeInitImage } from '../../pictures/init-image.js';
import { readSquare } from '../squares.js';

/** Statistics are of pictures of this side: what is finer is noise of the encoding. */
const sidePx = 64;
export const quantiles = 16;
/** Of the side, for the outline. */
const cells = 8;
const directions = 4;
const thumbnailPx = 16;
/** Of each of red, green and blue. */
const paletteLevels = 5;

/** What a picture is compared by. All but the latent are computed the same way for every model. */
export type PictureFeatures = {
  /** `[3, 16]`: quantiles of luma, of blue and of red against it (https://www.itu.int/rec/T-REC-BT.601), in 0..255. Their mean difference is the earth mover's distance of each. */
  readonly colours: Float32Array;
  /** `[5, 5, 5]` by red, green and blue: which share of the picture has a colour near each; a colour between two counts for both. */
  readonly palette: Float32Array;
  /** Quantiles of how strongly the luma changes from pixel to pixel: hard lines, soft shades, grain. */
  readonly edges: Float32Array;
  /** `[8, 8, 4]`: how strongly it changes in each place and direction, as one vector of length 1 (Dalal and Triggs 2005): what stands where. */
  readonly outline: Float32Array;
  /** `[16, 16, 3]` in 0..255: the picture, very small. */
  readonly thumbnail: Float32Array;
  /** From the model's encoder, where it has one. */
  readonly latent: LatentFeatures | undefined;
};
export type LatentFeatures = {
  /** Each channel's mean and deviation over the picture: how it is drawn, whatever it shows (Gatys et al. 2016, Li et al. 2017). */
  readonly style: Float32Array;
  /** Each channel about its mean and in units of its deviation, `[channels, side, side]`: what it shows where, however it is drawn. */
  readonly content: Float32Array;
};

/** Errors: InvalidArgument `unreadable_picture`, which names the picture by its `number`. */
export async function readFeatures(
  bytes: Uint8Array,
  number: number,
  encode: (bytes: Uint8Array, number: number) => Promise<{ readonly channels: number; readonly data: Float32Array } | undefined>,
): Promise<PictureFeatures> {
  const pixels = await readSquare(bytes, sidePx, number);
  const small = await decodeInitImage(bytes, (picture) =>
    picture.resize(thumbnailPx, thumbnailPx, { fit: 'cover' }).removeAlpha().raw().toBuffer(),
  );
  const latent = await encode(bytes, number);
  return { ...featuresOf(pixels), thumbnail: Float32Array.from(small), latent: latent && latentFeaturesOf(latent) };
}

/** Of the RGB pixels of a square. */
export function featuresOf(pixels: Uint8Array): Pick<PictureFeatures, 'colours' | 'palette' | 'edges' | 'outline'> {
  const side = Math.sqrt(pixels.length / 3);
  const area = side * side;
  const planes = [new Float32Array(area), new Float32Array(area), new Float32Array(area)] as const;
  for (let pixel = 0; pixel < area; pixel += 1) {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(3 * pixel, 3 * pixel + 3);
    const luma = 0.299 * red + 0.587 * green + 0.114 * blue;
    planes[0][pixel] = luma;
    planes[1][pixel] = 128 + 0.564 * (blue - luma);
    planes[2][pixel] = 128 + 0.713 * (red - luma);
  }
  const { magnitudes, outline } = gradientsOf(planes[0], side);
  return {
    colours: Float32Array.from(planes.flatMap(quantilesOf)),
    palette: paletteOf(pixels),
    edges: Float32Array.from(quantilesOf(magnitudes)),
    outline,
  };
}

function paletteOf(pixels: Uint8Array): Float32Array {
  const palette = new Float32Array(paletteLevels ** 3);
  const share = 3 / pixels.length;
  for (let at = 0; at < pixels.length; at += 3) {
    const levels = [0, 1, 2].map((channel) => ((pixels[at + channel] ?? 0) / 255) * (paletteLevels - 1));
    for (let corner = 0; corner < 8; corner += 1) {
      let [bin, weight] = [0, share];
      for (const [channel, level] of levels.entries()) {
        const low = Math.min(paletteLevels - 2, Math.floor(level));
        const isHigh = (corner >> channel) & 1;
        bin = bin * paletteLevels + low + isHigh;
        weight *= isHigh ? level - low : 1 - (level - low);
      }
      palette[bin] = (palette[bin] ?? 0) + weight;
    }
  }
  return palette;
}

function quantilesOf(values: Float32Array): number[] {
  const ordered = values.toSorted();
  return Array.from({ length: quantiles }, (_, k) => ordered[Math.floor(((k + 0.5) / quantiles) * ordered.length)] ?? 0);
}

function gradientsOf(luma: Float32Array, side: number): { magnitudes: Float32Array; outline: Float32Array } {
  const magnitudes = new Float32Array(luma.length);
  const outline = new Float32Array(cells * cells * directions);
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1) {
      const at = (dx: number, dy: number) =>
        luma[Math.min(side - 1, Math.max(0, y + dy)) * side + Math.min(side - 1, Math.max(0, x + dx))] ?? 0;
      const across = at(1, 0) - at(-1, 0);
      const down = at(0, 1) - at(0, -1);
      const magnitude = Math.hypot(across, down) / 2;
      magnitudes[y * side + x] = magnitude;
      // Dark on light and light on dark are the same line.
      const direction = Math.floor(((Math.atan2(down, across) + Math.PI) / Math.PI) * directions) % directions;
      const cell = Math.floor((y * cells) / side) * cells + Math.floor((x * cells) / side);
      outline[cell * directions + direction] = (outline[cell * directions + direction] ?? 0) + magnitude;
    }
  const length = Math.hypot(...outline) || 1;
  return { magnitudes, outline: outline.map((value) => value / length) };
}

export function latentFeaturesOf({ channels, data }: { readonly channels: number; readonly data: Float32Array }): LatentFeatures {
  const area = data.length / channels;
  const style = new Float32Array(2 * channels);
  const content = new Float32Array(data.length);
  for (let channel = 0; channel < channels; channel += 1) {
    const values = data.subarray(channel * area, (channel + 1) * area);
    const mean = values.reduce((sum, value) => sum + value, 0) / area;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / area);
    style.set([mean, deviation], 2 * channel);
    content.set(
      values.map((value) => (value - mean) / (deviation || 1)),
      channel * area,
    );
  }
  return { style, content };
}
