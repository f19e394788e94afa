/** Named tensors as one block of bytes, in the safetensors format (https://github.com/huggingface/safetensors#format). */
import { z } from 'zod';

type Elements = Float32Array | BigInt64Array | Uint8Array;
export type BundledTensor = { readonly dims: readonly number[]; readonly data: Elements };
export type Bundle = ReadonlyMap<string, BundledTensor>;

const headerLengthBytes = 8;
const kinds = { F32: Float32Array, I64: BigInt64Array, U8: Uint8Array } as const;
const entry = z.object({
  dtype: z.enum(['F32', 'I64', 'U8']),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

const kindOf = (data: Elements) => (data instanceof Float32Array ? 'F32' : data instanceof BigInt64Array ? 'I64' : 'U8');

export function packTensors(tensors: Bundle): Uint8Array {
  const header: Record<string, z.infer<typeof entry>> = {};
  let at = 0;
  for (const [name, { dims, data }] of tensors) {
    header[name] = { dtype: kindOf(data), shape: [...dims], data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const block = Buffer.alloc(headerLengthBytes + text.length + at);
  block.writeBigUInt64LE(BigInt(text.length));
  text.copy(block, headerLengthBytes);
  let end = headerLengthBytes + text.length;
  for (const { data } of tensors.values()) {
    block.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), end);
    end += data.byteLength;
  }
  return block;
}

/** Throws when the block is not what it says. */
export function unpackTensors(block: Uint8Array): Bundle {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const start = headerLengthBytes + Number(view.getBigUint64(0, true));
  const header = z.record(z.string(), entry).parse(JSON.parse(Buffer.from(block.subarray(headerLengthBytes, start)).toString()));
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [first, last],
        },
      ]) => {
        // Copied: a tensor may begin anywhere in the block, and a typed array only at a multiple of its element's size.
        const bytes = new Uint8Array(block.subarray(start + first, start + last));
        if (bytes.byteLength !== last - first) throw new Error(`The tensor "${name}" ends beyond its block.`);
        return [
          name,
          { dims: shape, data: new kinds[dtype](bytes.buffer, bytes.byteOffset, bytes.byteLength / kinds[dtype].BYTES_PER_ELEMENT) },
        ];
      },
    ),
  );
}
