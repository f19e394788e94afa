import { z } from 'zod';
import { invalidArgument } from '@tessera/platform/errors.js';
import { fromHalf, toHalf } from './half.js';

/**
 * A file of named tensors and nothing that could run: eight bytes of header length, a JSON header, then the numbers
 * (https://huggingface.co/docs/safetensors/index#format). Everything about it is checked before a number is read, since people upload such files.
 */
export type Tensor = { readonly shape: readonly number[]; readonly data: Float32Array };
export type TensorFile = { readonly tensors: ReadonlyMap<string, Tensor>; readonly metadata: Readonly<Record<string, string>> };

const lengthBytes = 8;
/** A few dozen entries are some kilobytes. */
const headerBytesMax = 256 * 1024;
const tensorsMax = 256;
const fileBytesMax = 64 * 1024 * 1024;
const metadataKey = '__metadata__';
/** Writers pad the header to this, so that the numbers can be mapped in place. */
const alignmentBytes = 8;

const bytesOf = { F32: 4, F16: 2 } as const;
const entry = z.strictObject({
  dtype: z.enum(['F32', 'F16']),
  shape: z.array(z.int().min(1).max(1_000_000)).max(8),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
type Entry = z.infer<typeof entry>;

const refuse = (sentence: string, cause?: unknown) =>
  invalidArgument('unreadable_adapter', `The adapter cannot be read: ${sentence}.`, { param: 'adapters', cause });

export function readSafetensors(bytes: Uint8Array): TensorFile {
  if (bytes.byteLength > fileBytesMax) throw refuse(`it has more than ${fileBytesMax / 1024 / 1024} MiB`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < lengthBytes) throw refuse('it is too short');
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > BigInt(Math.min(headerBytesMax, bytes.byteLength - lengthBytes))) throw refuse('its header is longer than it may be');
  const start = lengthBytes + Number(headerBytes);
  const { entries, metadata } = readHeader(bytes.subarray(lengthBytes, start));
  refuseGaps(entries, bytes.byteLength - start);
  const tensors = new Map<string, Tensor>();
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from],
    },
  ] of entries) {
    const read =
      dtype === 'F32'
        ? (at: number) => view.getFloat32(start + from + at * 4, true)
        : (at: number) => fromHalf(view.getUint16(start + from + at * 2, true));
    tensors.set(name, { shape, data: Float32Array.from({ length: countOf(shape) }, (_, at) => read(at)) });
  }
  return { tensors, metadata };
}

const countOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

function readHeader(bytes: Uint8Array): { entries: [string, Entry][]; metadata: Record<string, string> } {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refuse('its header is not JSON', cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw refuse('its header is no object');
  const all = Object.entries(header);
  if (all.length > tensorsMax) throw refuse(`it has more than ${tensorsMax} tensors`);
  const entries = all.flatMap(([name, value]): [string, Entry][] => {
    if (name === metadataKey) return [];
    const parsed = entry.safeParse(value);
    if (!parsed.success) throw refuse(`its header says nothing sensible about "${name.slice(0, 60)}"`);
    return [[name, parsed.data]];
  });
  const metadata = z.record(z.string(), z.string()).safeParse(Object.fromEntries(all)[metadataKey] ?? {});
  if (!metadata.success) throw refuse('its metadata are not text');
  return { entries, metadata: metadata.data };
}

/** The tensors lie one after the other and fill the file: no bytes are read twice, and none hide between them. */
function refuseGaps(entries: readonly [string, Entry][], dataBytes: number): void {
  let end = 0;
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of entries.toSorted(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0])) {
    if (from !== end || to - from !== countOf(shape) * bytesOf[dtype])
      throw refuse(`"${name.slice(0, 60)}" does not lie where its header says`);
    end = to;
  }
  if (end !== dataBytes) throw refuse('its length does not fit its header');
}

/** The numbers of a file, without its header. */
export function tensorBytesOf(file: Uint8Array): Uint8Array {
  return file.subarray(lengthBytes + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true)));
}

/** In half precision, half the size, unless told otherwise: adapters lose nothing that a picture shows. The same content is always the same bytes. */
export function writeSafetensors({ tensors, metadata }: TensorFile, dtype: 'F16' | 'F32' = 'F16'): Uint8Array {
  const header: Record<string, unknown> = { [metadataKey]: metadata };
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.length * bytesOf[dtype]] };
    end += data.length * bytesOf[dtype];
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json + ' '.repeat((alignmentBytes - (Buffer.byteLength(json) % alignmentBytes)) % alignmentBytes));
  const bytes = new Uint8Array(lengthBytes + text.byteLength + end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(text.byteLength), true);
  bytes.set(text, lengthBytes);
  let at = lengthBytes + text.byteLength;
  for (const { data } of tensors.values()) {
    for (const value of data) {
      if (dtype === 'F32') view.setFloat32(at, value, true);
      else view.setUint16(at, toHalf(value), true);
      at += bytesOf[dtype];
    }
  }
  return bytes;
}
