/** What is known of a picture without looking at it again. */
export type Measured = {
  /** Of the bytes as they came, hex. */
  readonly sha256: string;
  readonly format: PictureFormat;
  /** Turned as its camera was held. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly sizeBytes: number;
  /** 64 bits of a difference hash, hex. */
  readonly perceptualHash: string;
  /** Variance of the Laplacian of the picture at 512 px: how much fine detail it has. */
  readonly sharpness: number;
  readonly colours: Colours;
  /** Parts of it let its background through; white was put there. */
  readonly isTransparent: boolean;
  /** Only its first frame counts. */
  readonly isAnimated: boolean;
};

export type PictureFormat = 'png' | 'jpeg' | 'webp';

/** Averages over a whole picture, of channels from 0 to 1. */
export type Colours = {
  readonly lightness: number;
  /** Standard deviation of the lightness. */
  readonly contrast: number;
  /** Red minus green. */
  readonly redGreen: number;
  /** Yellow minus blue. */
  readonly yellowBlue: number;
  /** Distance from grey. */
  readonly chroma: number;
};
