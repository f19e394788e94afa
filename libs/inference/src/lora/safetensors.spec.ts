import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromHalf, toHalf } from './half.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';

/** A file as anybody may write one. */
function fileOf(header: unknown, data = new Uint8Array(), headerBytes?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.byteLength + data.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, headerBytes ?? BigInt(text.byteLength), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.byteLength);
  return bytes;
}
const entry = (fields: object = {}) => ({ dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields });

describe('a safetensors file', () => {
  it('comes back as it was written, in half precision', () => {
    const tensors = new Map([
      ['down.a', { shape: [2, 2], data: Float32Array.of(0, 1, -0.5, 1024) }],
      ['up.a', { shape: [3], data: Float32Array.of(0.25, -2, 6e-8) }],
    ]);
    const read = readSafetensors(writeSafetensors({ tensors, metadata: { steps: '4' } }));
    expect(read.metadata).toEqual({ steps: '4' });
    expect([...read.tensors.keys()]).toEqual(['down.a', 'up.a']);
    expect(read.tensors.get('down.a')).toEqual(tensors.get('down.a'));
    expect(read.tensors.get('up.a')?.data[2]).toBeCloseTo(6e-8, 8);
  });

  it('may lie anywhere in a larger buffer, and hold single precision', () => {
    const file = fileOf({ a: entry() }, new Uint8Array(Float32Array.of(1.5, -3).buffer));
    const larger = new Uint8Array(file.byteLength + 5);
    larger.set(file, 3);
    expect(readSafetensors(larger.subarray(3, 3 + file.byteLength)).tensors.get('a')?.data).toEqual(Float32Array.of(1.5, -3));
  });

  it.each([
    ['is empty', new Uint8Array()],
    ['ends within its length', new Uint8Array(7)],
    ['promises a header beyond its end', fileOf({}, new Uint8Array(), 1_000n)],
    ['promises a header of 16 exabytes', fileOf({}, new Uint8Array(), 2n ** 64n - 1n)],
    ['has a header that is not JSON', fileOf('{"a":')],
    ['has a header that is no UTF-8', fileOf('{}').map((byte, at) => (at === 8 ? 0xff : byte))],
    ['has a list for a header', fileOf([])],
    ['has null for a header', fileOf('null')],
    ['has an unknown type of number', fileOf({ a: entry({ dtype: 'I64' }) }, new Uint8Array(8))],
    ['has a shape with a zero', fileOf({ a: entry({ shape: [0], data_offsets: [0, 0] }) })],
    ['has a shape that is astronomical', fileOf({ a: entry({ shape: Array.from({ length: 8 }, () => 1_000_000) }) }, new Uint8Array(8))],
    ['reads beyond its end', fileOf({ a: entry({ shape: [4], data_offsets: [0, 16] }) }, new Uint8Array(8))],
    ['reads a part twice', fileOf({ a: entry(), b: entry() }, new Uint8Array(8))],
    ['hides bytes', fileOf({ a: entry({ data_offsets: [4, 12] }) }, new Uint8Array(12))],
    ['hides bytes at its end', fileOf({ a: entry() }, new Uint8Array(12))],
    ['has offsets the wrong way round', fileOf({ a: entry({ data_offsets: [8, 0] }) }, new Uint8Array(8))],
    ['has metadata that are no text', fileOf({ __metadata__: { a: 1 } })],
    [
      'has too many tensors',
      fileOf(
        Object.fromEntries(Array.from({ length: 300 }, (_, k) => [`t${k}`, entry({ shape: [1], data_offsets: [4 * k, 4 * k + 4] })])),
        new Uint8Array(1200),
      ),
    ],
  ])('is refused when it %s', (_what, bytes) => {
    expect(() => readSafetensors(bytes)).toThrow(
      expect.objectContaining({ kind: 'InvalidArgument', reason: 'unreadable_adapter', param: 'adapters' }),
    );
  });

  it('is refused or read, whatever bytes it holds, and nothing else happens', () => {
    const good = writeSafetensors({ tensors: new Map([['a', { shape: [2, 3], data: new Float32Array(6) }]]), metadata: {} });
    fc.assert(
      fc.property(fc.nat(good.byteLength - 1), fc.nat(255), (at, value) => {
        const bytes = good.map((byte, k) => (k === at ? value : byte));
        try {
          for (const { shape, data } of readSafetensors(bytes).tensors.values())
            expect(data).toHaveLength(shape.reduce((product, length) => product * length, 1));
        } catch (error) {
          expect(error).toMatchObject({ reason: 'unreadable_adapter' });
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('half precision', () => {
  it('reads back what every one of its numbers writes', () => {
    for (let bits = 0; bits < 0x7c00; bits += 1)
      if (toHalf(fromHalf(bits)) !== bits || toHalf(-fromHalf(bits)) !== (bits | 0x8000)) throw new Error(`${bits} does not come back`);
  });

  it('rounds to the nearest, ties to even, and overflows to infinity', () => {
    expect([1 + 1 / 2048, 1 + 3 / 2048, 65_519, 65_520, 1e9, 1e-9].map((value) => fromHalf(toHalf(value)))).toEqual([
      1,
      1 + 4 / 2048,
      65_504,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
      0,
    ]);
  });
});
