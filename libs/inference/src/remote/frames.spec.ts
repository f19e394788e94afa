import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { framesOf, packFrame, type Frame } from './frames.js';

async function* chunked(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

async function all(frames: AsyncIterable<Frame>): Promise<Frame[]> {
  const list: Frame[] = [];
  for await (const { message, bytes } of frames) list.push({ message, bytes: new Uint8Array(bytes) });
  return list;
}

describe('frames on a pipe', () => {
  it('are read as they were written, however the pipe cuts them', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ message: fc.dictionary(fc.string(), fc.string()), bytes: fc.uint8Array({ maxLength: 300 }) }), {
          maxLength: 6,
        }),
        fc.array(fc.nat({ max: 40 }), { maxLength: 60 }),
        async (frames, sizes) => {
          const written = Buffer.concat(frames.flatMap(({ message, bytes }) => packFrame(message, bytes)));
          const read = await all(framesOf(chunked(written, sizes)));
          expect(read.map(({ message }) => JSON.stringify(message))).toEqual(frames.map(({ message }) => JSON.stringify(message)));
          expect(read.map(({ bytes }) => bytes)).toEqual(frames.map(({ bytes }) => new Uint8Array(bytes)));
        },
      ),
    ));

  it('end where the other side died in the middle of one', async () => {
    const whole = Buffer.concat(packFrame({ id: 1 }, new Uint8Array(9)));
    const cut = Buffer.concat([whole, whole.subarray(0, whole.length - 1)]);
    expect(await all(framesOf(chunked(cut, [])))).toEqual([{ message: { id: 1 }, bytes: new Uint8Array(9) }]);
  });

  it('are refused when something else writes to the pipe', async () => {
    await expect(all(framesOf(chunked(Buffer.from('Loading the pipeline…'), [])))).rejects.toThrow('A frame says');
  });
});
