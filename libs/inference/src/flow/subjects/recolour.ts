import type { ColourShift } from '../prompt/language.js';

/** A hue rules a picture when this share of its opaque area lies near it; else, when this share is grey, the greys are recoloured. */
const rulingGreyShare = 0.7;
const rulingHueShare = 0.3;
/** Hue distances in turns: fully recoloured up to half of it, not at all from one and a half. */
const hueReach = 0.08;
/** A picture whose ruling hue is this near to the colour has it already. */
const sameHue = 0.045;
/** A grey thing that is this near to black or white stays as it is, with its shading. */
const sameValue = 0.15;
const hueBins = 36;
/** Saturation that greys get, so that a colour shows on them. */
const greySaturation = 0.5;

/**
 * Gives a thing a colour as the training pictures did: only what has its ruling hue changes, so that a purple butterfly keeps its dark outline.
 * The denoiser follows the reference far better than the colour word alone. RGBA in, RGBA out.
 */
export function recolour(rgba: Uint8Array, shift: ColourShift): Uint8Array {
  const { hue: ruling, isGrey, value } = rulingHue(rgba);
  if (!isGrey && shift.hue !== undefined && Math.abs(turn(ruling - shift.hue)) < sameHue) return rgba;
  if (isGrey && shift.hue === undefined && Math.abs(value * shift.value.scale + shift.value.offset - value) < sameValue) return rgba;
  const result = Uint8Array.from(rgba);
  for (let at = 0; at < rgba.length; at += 4) {
    const [h, s, v] = toHsv(rgba[at] ?? 0, rgba[at + 1] ?? 0, rgba[at + 2] ?? 0);
    const distance = turn(h - ruling);
    const share = isGrey
      ? unit((v - 0.12) / 0.2) * unit(1 - (s - 0.2) / 0.25)
      : unit(1.5 - Math.abs(distance) / hueReach) * unit((s - 0.15) / 0.15);
    if (share === 0) continue;
    const hue = shift.hue === undefined ? h : isGrey ? shift.hue : shift.hue + distance * 0.6;
    const saturation = Math.min(
      0.92,
      unit(s * shift.saturation.scale + shift.saturation.offset + (isGrey && shift.hue !== undefined ? greySaturation : 0)),
    );
    const recoloured = fromHsv(hue, saturation, unit(v * shift.value.scale + shift.value.offset));
    recoloured.forEach((colour, channel) => (result[at + channel] = Math.round((rgba[at + channel] ?? 0) * (1 - share) + colour * share)));
  }
  return result;
}

function rulingHue(rgba: Uint8Array): { hue: number; isGrey: boolean; value: number } {
  const bins = new Float64Array(hueBins);
  let opaque = 0;
  let coloured = 0;
  let values = 0;
  for (let at = 0; at < rgba.length; at += 4) {
    if ((rgba[at + 3] ?? 0) <= 128) continue;
    opaque += 1;
    const [h, s, v] = toHsv(rgba[at] ?? 0, rgba[at + 1] ?? 0, rgba[at + 2] ?? 0);
    values += v;
    if (s <= 0.25 || v <= 0.15) continue;
    coloured += 1;
    const bin = Math.min(hueBins - 1, Math.floor(h * hueBins));
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  const around = (bin: number, weights: readonly number[]) =>
    weights.reduce((sum, weight, k) => sum + weight * (bins[(bin + k - 2 + hueBins) % hueBins] ?? 0), 0);
  const peaks = Array.from(bins, (_, bin) => around(bin, [1, 2, 3, 2, 1]));
  const peak = peaks.indexOf(Math.max(...peaks));
  const isGrey = around(peak, [1, 1, 1, 1, 1]) < rulingHueShare * opaque && opaque - coloured >= rulingGreyShare * opaque;
  return { hue: (peak + 0.5) / hueBins, isGrey, value: values / Math.max(1, opaque) };
}

const unit = (value: number): number => Math.min(1, Math.max(0, value));
/** Signed distance of two hues, -0.5 to 0.5 turns. */
const turn = (difference: number): number => difference - Math.round(difference);

/** Hue in turns, saturation and value in 0..1. */
function toHsv(red: number, green: number, blue: number): [number, number, number] {
  const value = Math.max(red, green, blue);
  const chroma = value - Math.min(red, green, blue);
  if (chroma === 0) return [0, 0, value / 255];
  const sixths = value === red ? (green - blue) / chroma : value === green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
  return [(sixths / 6 + 1) % 1, chroma / value, value / 255];
}

function fromHsv(hue: number, saturation: number, value: number): [number, number, number] {
  const channel = (offset: number) => {
    const k = (offset + (((hue % 1) + 1) % 1) * 6) % 6;
    return 255 * value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)));
  };
  return [channel(5), channel(3), channel(1)];
}
