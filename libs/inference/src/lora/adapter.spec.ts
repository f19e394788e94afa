import { describe, expect, it } from '@jest/globals';
import { type Adapter, combineAdapters, matrixShapes, readAdapter, writeAdapter } from './adapter.js';

const shape = {
  blocks: 2,
  layers: [
    { name: 'qkv', inputs: 3, outputs: 4 },
    { name: 'out', inputs: 2, outputs: 5 },
  ],
  files: {},
};

function adapterOf(rank: number, seed: number): Adapter {
  let next = seed;
  const number = () => ((next = (next * 16_807) % 2_147_483_647) % 64) / 16 - 2;
  const tensors = new Map(
    [...matrixShapes(shape, rank)].map(([name, lengths]) => [
      name,
      { shape: lengths, data: Float32Array.from({ length: lengths[0] * lengths[1] * lengths[2] }, number) },
    ]),
  );
  return { rank, tensors, metadata: {} };
}

/** down times up of one block: what is added to a layer. */
function product({ rank, tensors }: Adapter, layer: 'qkv' | 'out', block: number): number[] {
  const { inputs, outputs } = shape.layers.find(({ name }) => name === layer)!;
  const down = tensors.get(`down.${layer}`)!.data;
  const up = tensors.get(`up.${layer}`)!.data;
  return Array.from({ length: inputs * outputs }, (_, at) => {
    const [row, column] = [Math.floor(at / outputs), at % outputs];
    let sum = 0;
    for (let k = 0; k < rank; k += 1) sum += down[(block * inputs + row) * rank + k]! * up[(block * rank + k) * outputs + column]!;
    return sum;
  });
}

describe('adapters', () => {
  it.each(['qkv', 'out'] as const)('side by side add what each adds, by its weight (%s)', (layer) => {
    const [style, character] = [adapterOf(2, 1), adapterOf(3, 2)];
    const both = combineAdapters(
      [
        { adapter: style, weight: 0.5 },
        { adapter: character, weight: -1 },
      ],
      shape,
    );
    expect(both.rank).toBe(5);
    for (const block of [0, 1]) {
      const [a, b] = [product(style, layer, block), product(character, layer, block)];
      expect(product(both, layer, block)).toEqual(a.map((value, k) => 0.5 * value - b[k]!));
    }
  });

  it('are one rank of zeros when there is none', () => {
    const none = combineAdapters([], shape);
    expect(none.rank).toBe(1);
    expect([...none.tensors.values()].every(({ data }) => data.every((value) => value === 0))).toBe(true);
  });

  it('come back from a file', () => {
    const adapter = { ...adapterOf(4, 3), metadata: { subject: 'dog' } };
    expect(readAdapter(writeAdapter(adapter), shape)).toEqual(adapter);
  });

  it.each([
    ['of another model', () => writeAdapter(adapterOf(4, 3)), { ...shape, blocks: 3 }],
    ['with a matrix too few', () => writeAdapter({ ...adapterOf(4, 3), tensors: new Map([...adapterOf(4, 3).tensors].slice(1)) }), shape],
    [
      'with a matrix too many',
      () =>
        writeAdapter({
          ...adapterOf(4, 3),
          tensors: new Map([...adapterOf(4, 3).tensors, ['up.more', { shape: [1], data: new Float32Array(1) }]]),
        }),
      shape,
    ],
    ['of too high a rank', () => writeAdapter(adapterOf(65, 3)), shape],
    [
      'that holds infinity',
      () => {
        const adapter = adapterOf(1, 3);
        adapter.tensors.get('up.out')!.data[0] = 1e9;
        return writeAdapter(adapter);
      },
      shape,
    ],
  ])('are refused %s', (_what, file, expected) => {
    expect(() => readAdapter(file(), expected)).toThrow(
      expect.objectContaining({ kind: 'InvalidArgument', reason: 'foreign_adapter', param: 'adapters' }),
    );
  });
});
