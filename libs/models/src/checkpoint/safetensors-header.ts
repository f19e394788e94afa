import { open } from 'node:fs/promises';
import { z } from 'zod';

/** The format's own bound (https://github.com/huggingface/safetensors#format). */
const headerBytesMax = 100_000_000;

const tensor = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const header = z.record(z.string(), z.unknown());

export type SafetensorsHeader = {
  readonly tensors: ReadonlyMap<string, { readonly dtype: string; readonly shape: readonly number[] }>;
  /** What tools write about a file: `modelspec.title`, `ss_base_model_version` and others. */
  readonly metadata: Readonly<Record<string, string>>;
};

/** Names, types and shapes of a file's tensors, without their data. Throws a sentence for what is no such file, or is cut off. */
export async function readSafetensorsHeader(file: string): Promise<SafetensorsHeader> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const length = Buffer.alloc(8);
    const { bytesRead } = await handle.read(length, 0, 8, 0);
    const headerBytes = bytesRead === 8 ? length.readBigUInt64LE() : 0n;
    if (headerBytes < 2n || headerBytes > BigInt(Math.min(headerBytesMax, size - 8))) throw new Error(`${file} is no safetensors file.`);
    const text = Buffer.alloc(Number(headerBytes));
    await handle.read(text, 0, text.length, 8);
    return parsed(file, text, size - 8 - text.length);
  } finally {
    await handle.close();
  }
}

function parsed(file: string, text: Buffer, dataBytes: number): SafetensorsHeader {
  const json = header.safeParse(parsedJson(text));
  if (!json.success) throw new Error(`${file} is no safetensors file: its header is not readable.`);
  const { __metadata__, ...entries } = json.data;
  const tensors = z.record(z.string(), tensor).safeParse(entries);
  if (!tensors.success) throw new Error(`${file} is no safetensors file: its header is not readable.`);
  const end = Math.max(0, ...Object.values(tensors.data).map((each) => each.data_offsets[1]));
  if (end > dataBytes) throw new Error(`${file} is cut off: ${end - dataBytes} bytes are missing. Download it again.`);
  return {
    tensors: new Map(Object.entries(tensors.data).map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
    metadata: z
      .record(z.string(), z.string())
      .catch({})
      .parse(__metadata__ ?? {}),
  };
}

function parsedJson(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return undefined;
  }
}
