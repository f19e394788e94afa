import { CommandFailure, exitCodes } from './failure.js';

/** The longer side that a ratio is drawn at; every bundled model paints it. */
const longSidePx = 512;
/** Sizes are whole multiples of it, because the picture's latent is eight times smaller. */
const stepPx = 8;

/** "640x512" as it is; "16:9" with a longer side of 512 pixels. The server has the last word on limits. */
export function parseSize(text: string): { widthPx: number; heightPx: number } {
  const exact = /^(\d{1,5})\s*[x×]\s*(\d{1,5})$/i.exec(text);
  if (exact) return { widthPx: Number(exact[1]), heightPx: Number(exact[2]) };
  const ratio = /^(\d{1,3}):(\d{1,3})$/.exec(text);
  const across = Number(ratio?.[1]);
  const down = Number(ratio?.[2]);
  if (!ratio || across === 0 || down === 0)
    throw new CommandFailure(
      `--size ${text} is neither a size nor a ratio.`,
      exitCodes.refused,
      'For example --size 512x384 or --size 16:9',
    );
  const short = (share: number) => Math.max(stepPx, Math.round((longSidePx * share) / stepPx) * stepPx);
  return across >= down ? { widthPx: longSidePx, heightPx: short(down / across) } : { widthPx: short(across / down), heightPx: longSidePx };
}
