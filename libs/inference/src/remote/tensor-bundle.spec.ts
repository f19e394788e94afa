import { describe, expect, it } from '@jest/globals';
import { packTensors, unpackTensors } from './tensor-bundle.js';

describe('a bundle of tensors', () => {
  it('comes back as it was packed, whatever lies before a tensor', () => {
    const bundle = new Map([
      ['mask', { dims: [3], data: Uint8Array.of(1, 0, 255) }],
      ['latent', { dims: [1, 2], data: Float32Array.of(0.25, -3) }],
      ['tokens', { dims: [2], data: BigInt64Array.of(7n, -1n) }],
      ['nothing', { dims: [0], data: new Float32Array() }],
    ]);
    expect(unpackTensors(packTensors(bundle))).toEqual(bundle);
  });

  it('is a safetensors file: the length of its header, the header, the data', () => {
    const block = Buffer.from(packTensors(new Map([['x', { dims: [1], data: Float32Array.of(1) }]])));
    const length = Number(block.readBigUInt64LE());
    expect(JSON.parse(block.subarray(8, 8 + length).toString())).toEqual({ x: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } });
    expect(block.readFloatLE(8 + length)).toBe(1);
  });

  it('is refused when a tensor ends beyond it', () => {
    const block = packTensors(new Map([['x', { dims: [2], data: Float32Array.of(1, 2) }]]));
    expect(() => unpackTensors(block.subarray(0, block.length - 1))).toThrow('ends beyond');
  });
});
