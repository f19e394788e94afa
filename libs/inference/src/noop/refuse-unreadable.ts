import type { GenerateBatch } from '../diffusion-engine.js';
import { decodeInitImage } from '../pictures/init-image.js';
import { readGuidance } from '../pictures/read-guidance.js';
import { readInpaintInput } from '../pictures/inpaint-input.js';

const sidePx = 8;

/** Reads the pictures of a batch as an engine would, and throws what that throws. */
export async function refuseUnreadable({ requests, widthPx, heightPx }: GenerateBatch): Promise<void> {
  for (const { initImage, guidance = [] } of requests) {
    if (initImage) {
      await decodeInitImage(initImage.bytes, (picture) => picture.resize(sidePx, sidePx).raw().toBuffer());
      await readInpaintInput(initImage, widthPx, heightPx);
    }
    for (const input of guidance) await readGuidance(input, (picture) => picture.resize(sidePx, sidePx).raw().toBuffer());
  }
}
