import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { measurePicture } from './measure-picture.js';
import { hammingDistance, isNear, isTelling } from './perceptual-hash.js';
import { drawing, pngOf } from './pictures.fixture.js';

describe('a picture that is measured', () => {
  it.each(['png', 'jpeg', 'webp'] as const)('has its sides, bytes and digest as %s', async (format) => {
    const bytes = await drawing({ widthPx: 700, heightPx: 500 }).toFormat(format).toBuffer();
    expect(await measurePicture(bytes)).toMatchObject({
      format,
      widthPx: 700,
      heightPx: 500,
      sizeBytes: bytes.length,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      perceptualHash: expect.stringMatching(/^[0-9a-f]{16}$/),
      isTransparent: false,
      isAnimated: false,
    });
  });

  it('is turned as its EXIF says', async () => {
    const upright = await drawing({ widthPx: 400, heightPx: 700 }).jpeg().toBuffer();
    const lying = await sharp(upright).rotate(-90).jpeg({ quality: 95 }).withMetadata({ orientation: 6 }).toBuffer();
    const [one, other] = [await measurePicture(upright), await measurePicture(lying)];
    expect(other).toMatchObject({ widthPx: 400, heightPx: 700 });
    expect(isNear(one.perceptualHash, other.perceptualHash)).toBe(true);
  });

  it('lies on white where it is transparent', async () => {
    const clear = await sharp({ create: { width: 300, height: 300, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } })
      .png()
      .toBuffer();
    expect(await measurePicture(clear)).toMatchObject({
      isTransparent: true,
      colours: { lightness: expect.closeTo(1), contrast: expect.closeTo(0) },
    });
    const opaque = await drawing().ensureAlpha().png().toBuffer();
    expect(await measurePicture(opaque)).toMatchObject({ isTransparent: false });
  });

  it('is its first frame', async () => {
    const frames = [
      await drawing({ widthPx: 300, heightPx: 300 }).raw().toBuffer(),
      await drawing({ widthPx: 300, heightPx: 300, seed: 2 }).raw().toBuffer(),
    ];
    const animated = await sharp(Buffer.concat(frames), { raw: { width: 300, height: 600, channels: 3, pageHeight: 300 } })
      .webp({ lossless: true })
      .toBuffer();
    const still = await drawing({ widthPx: 300, heightPx: 300 }).webp({ lossless: true }).toBuffer();
    expect(await measurePicture(animated)).toMatchObject({
      ...(await measurePicture(still)),
      isAnimated: true,
      sha256: expect.any(String),
      sizeBytes: animated.length,
    });
  });

  it('has nearly the same hash when it was scaled and recompressed, and another one when it is another picture', async () => {
    const hashes = await Promise.all(
      [
        pngOf(),
        drawing().resize(350).jpeg({ quality: 60 }).toBuffer(),
        drawing().modulate({ brightness: 1.15 }).webp().toBuffer(),
        pngOf({ seed: 2 }),
      ].map(async (bytes) => (await measurePicture(await bytes)).perceptualHash),
    );
    const [original = '', smaller = '', brighter = '', another = ''] = hashes;
    expect(isNear(original, smaller)).toBe(true);
    expect(isNear(original, brighter)).toBe(true);
    expect(hammingDistance(original, another)).toBeGreaterThan(12);
  });

  it('is less sharp when it is blurred', async () => {
    const sharpness = async (bytes: Buffer) => (await measurePicture(bytes)).sharpness;
    expect(await sharpness(await drawing().blur(6).png().toBuffer())).toBeLessThan((await sharpness(await pngOf())) / 4);
  });

  it.each([
    ['a text that is called a picture', Buffer.from('just some words'), 'not_an_image'],
    ['nothing', Buffer.alloc(0), 'not_an_image'],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>'), 'not_an_image'],
    [
      '25 MiB and a byte of PNG',
      Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(25 * 1024 * 1024)]),
      'image_too_large',
    ],
  ])('is refused when it is %s', async (_what, bytes, reason) => {
    await expect(measurePicture(bytes)).rejects.toMatchObject({ kind: 'InvalidArgument', reason });
  });

  it('is refused when it is cut off, or has too many pixels', async () => {
    await expect(measurePicture((await pngOf()).subarray(0, 4_000))).rejects.toMatchObject({ reason: 'not_an_image' });
    const wide = await sharp({ create: { width: 8_000, height: 5_001, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    await expect(measurePicture(wide)).rejects.toMatchObject({ reason: 'image_too_large' });
  });
});

describe('a hash', () => {
  it('counts the bits in which two differ', () => {
    expect(hammingDistance('ffffffffffffffff', '0000000000000000')).toBe(64);
    expect(hammingDistance('8000000000000001', '0000000000000000')).toBe(2);
    expect([isNear('000000000000003f', '0'.repeat(16)), isNear('000000000000007f', '0'.repeat(16))]).toEqual([true, false]);
  });

  it('tells nothing of pictures that are flat', () => {
    expect(['0'.repeat(16), 'f'.repeat(16), '00000000000000ff'].map(isTelling)).toEqual([false, false, true]);
  });
});
