import sharp from 'sharp';
import { internal } from '@tessera/platform/errors.js';
import type { EncodedImage, EngineNotice } from '../diffusion-engine.js';
import { keepKnown } from '../pictures/inpaint-input.js';
import type { Order } from './order.js';

/** Larger than any of these servers makes; a decompression bomb is refused before it is decoded. */
const pixelsMax = 40_000_000;
const contentTypes: Readonly<Record<string, string>> = { png: 'image/png', jpeg: 'image/jpeg', webp: 'image/webp' };

type Delivered = { readonly image: EncodedImage; readonly notice?: EngineNotice };

/** A server's picture as it is delivered: decoded once, so that half a picture is not sold; what a mask keeps is laid over it to the byte. */
export async function deliveredPicture(bytes: Uint8Array, order: Order): Promise<Delivered> {
  const picture = sharp(bytes, { limitInputPixels: pixelsMax, failOn: 'error' });
  const decode = async () => {
    const { format = '' } = await picture.metadata();
    const { data, info } = await picture
      .clone()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data, widthPx: info.width, heightPx: info.height, contentType: contentTypes[format] };
  };
  const { data, widthPx, heightPx, contentType } = await decode().catch((cause: unknown) => {
    throw internal('painting_failed', `The server of ${order.modelId} did not answer a picture that can be read.`, { cause });
  });
  if (contentType === undefined) throw internal('painting_failed', `The server of ${order.modelId} answered no PNG, JPEG or WebP.`);
  const isAsAsked = widthPx === order.widthPx && heightPx === order.heightPx;
  const inpaint = order.source?.inpaint;
  if (!inpaint) {
    const image = { widthPx, heightPx, contentType, bytes };
    return isAsAsked ? { image } : { image, notice: differs(order, widthPx, heightPx) };
  }
  const size = { widthPx: order.widthPx, heightPx: order.heightPx };
  const pixels = isAsAsked ? data : await resized(data, { widthPx, heightPx }, size);
  keepKnown(pixels, inpaint);
  const laidOver = await sharp(pixels, { raw: { width: size.widthPx, height: size.heightPx, channels: 3 } })
    .png()
    .toBuffer();
  return { image: { ...size, contentType: 'image/png', bytes: new Uint8Array(laidOver) } };
}

const differs = ({ modelId, widthPx, heightPx }: Order, deliveredWidthPx: number, deliveredHeightPx: number): EngineNotice => ({
  kind: 'size_differs',
  message: `${modelId} delivered ${deliveredWidthPx} x ${deliveredHeightPx} pixels instead of ${widthPx} x ${heightPx}.`,
});

/** Servers round sizes to what their model can; what is kept decides the size. */
function resized(
  data: Uint8Array,
  from: { widthPx: number; heightPx: number },
  to: { widthPx: number; heightPx: number },
): Promise<Buffer> {
  return sharp(data, { raw: { width: from.widthPx, height: from.heightPx, channels: 3 } })
    .resize(to.widthPx, to.heightPx, { fit: 'fill' })
    .raw()
    .toBuffer();
}
