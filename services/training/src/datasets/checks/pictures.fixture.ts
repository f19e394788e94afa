import sharp, { type Sharp } from 'sharp';

export type PictureOptions = {
  readonly widthPx?: number;
  readonly heightPx?: number;
  readonly background?: string;
  /** Draws another picture. */
  readonly seed?: number;
};

/** Circles of many sizes and colours on a ground: as much detail as a drawing, the same for the same seed. */
export function drawing({ widthPx = 600, heightPx = 600, background = '#777', seed = 1 }: PictureOptions = {}): Sharp {
  let state = seed * 2_654_435_761;
  const random = () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_507) + 0x9e3779b9) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  const circles = Array.from({ length: 60 }, () => {
    const [x, y, radius, hue] = [random() * widthPx, random() * heightPx, 5 + random() * 60, random() * 360];
    return `<circle cx="${x}" cy="${y}" r="${radius}" fill="hsl(${hue} 60% ${30 + random() * 40}%)"/>`;
  });
  return sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${widthPx}" height="${heightPx}"><rect width="100%" height="100%" fill="${background}"/>${circles.join('')}</svg>`,
    ),
  ).removeAlpha();
}

export const pngOf = (options?: PictureOptions): Promise<Buffer> => drawing(options).png().toBuffer();

/** One thing on a white ground. */
export const discOf = (colour: string): Promise<Buffer> =>
  sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="600"><rect width="600" height="600" fill="#fff"/><circle cx="300" cy="300" r="200" fill="${colour}"/></svg>`,
    ),
  )
    .removeAlpha()
    .png()
    .toBuffer();
