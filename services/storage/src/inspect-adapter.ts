import { z } from 'zod';

/** What a LoRA file says of itself: how its tensors are named, and which models it was trained on. */
export type AdapterFile = {
  readonly format: 'kohya' | 'diffusers' | 'peft' | 'original';
  /** Empty: it cannot be told. */ readonly family: string;
};

export type AdapterInspection = { readonly adapter: AdapterFile } | { readonly refusal: 'unreadable_adapter'; readonly sentence: string };

/** A LoRA for all layers of a large model at a high rank has some hundred MiB. */
export const adapterBytesMax = 256 * 1024 * 1024;

const lengthBytes = 8;
/** A few thousand entries of some hundred bytes each. */
const headerBytesMax = 4 * 1024 * 1024;
const tensorsMax = 20_000;
const metadataKey = '__metadata__';

const entry = z.strictObject({
  dtype: z.enum(['F64', 'F32', 'F16', 'BF16']),
  shape: z.array(z.int().min(0).max(100_000_000)).max(8),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
type Entry = z.infer<typeof entry>;

const refused = (sentence: string): AdapterInspection => ({
  refusal: 'unreadable_adapter',
  sentence: `The upload is no adapter that can be used: ${sentence}.`,
});

/** By the header alone (https://huggingface.co/docs/safetensors/index#format): nothing in such a file can run, and the rest are numbers. Reads no further than it must. */
export async function inspectAdapter(body: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<AdapterInspection> {
  if (sizeBytes > adapterBytesMax) return refused(`it has more than ${adapterBytesMax / 1024 / 1024} MiB`);
  const begin = await headOf(body);
  if (!begin) return refused('it is no safetensors file');
  const header = readHeader(begin);
  if (!header) return refused('its header is not that of a safetensors file');
  const { entries, metadata, lies } = header;
  if (lies || lengthBytes + begin.length + Math.max(0, ...[...entries.values()].map(({ data_offsets: [, to] }) => to)) !== sizeBytes)
    return refused('its length does not fit its header');
  const names = [...entries.keys()];
  if (names.some((name) => /dora_scale|lora_magnitude_vector/.test(name))) return refused('it is a DoRA; LoRA files are taken');
  if (names.some((name) => /\.(?:hada|lokr|oft|boft)_|\.a1\.|\.diff(?:_b)?$/.test(name)))
    return refused('it is a LyCORIS adapter of another kind (LoHa, LoKr, OFT, GLoRA or whole differences); LoRA files are taken');
  const half = names.find((name) => isDown(name) && !entries.has(upOf(name)));
  if (half !== undefined) return refused(`"${half.slice(0, 80)}" has no second half`);
  const format = formatOf(names);
  if (!format) return refused('it holds no LoRA with names as kohya, diffusers or peft write them');
  return { adapter: { format, family: familyByMetadata(metadata) || familyByNames(names, entries) } };
}

/** The bytes of the header; undefined when they cannot be one. */
async function headOf(body: AsyncIterable<Uint8Array>): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  let wanted = lengthBytes;
  for await (const part of body) {
    parts.push(part);
    length += part.byteLength;
    if (wanted === lengthBytes && length >= lengthBytes) {
      const announced = Buffer.concat(parts).readBigUInt64LE(0);
      if (announced > BigInt(headerBytesMax)) return undefined;
      wanted += Number(announced);
    }
    if (wanted > lengthBytes && length >= wanted) return Buffer.concat(parts).subarray(lengthBytes, wanted);
  }
  return undefined;
}

function readHeader(bytes: Buffer): { entries: Map<string, Entry>; metadata: Readonly<Record<string, string>>; lies: boolean } | undefined {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  const { [metadataKey]: said = {}, ...tensors } = z.record(z.string(), z.unknown()).safeParse(header).data ?? {};
  const metadata = z.record(z.string(), z.string()).safeParse(said);
  const entries = z.record(z.string(), entry).safeParse(tensors);
  const count = Object.keys(tensors).length;
  if (!metadata.success || !entries.success || count === 0 || count > tensorsMax) return undefined;
  return { entries: new Map(Object.entries(entries.data)), metadata: metadata.data, lies: hasGaps(Object.values(entries.data)) };
}

const bytesOf = { F64: 8, F32: 4, F16: 2, BF16: 2 } as const;

/** The tensors lie one after the other: no bytes are read twice, and none hide between them. */
function hasGaps(entries: readonly Entry[]): boolean {
  let end = 0;
  for (const {
    dtype,
    shape,
    data_offsets: [from, to],
  } of entries.toSorted((a, b) => a.data_offsets[0] - b.data_offsets[0])) {
    if (from !== end || to - from !== bytesOf[dtype] * shape.reduce((product, side) => product * side, 1)) return true;
    end = to;
  }
  return false;
}

const isDown = (name: string): boolean => /\.lora_down\.weight$|\.lora_A(?:\.\w+)?\.weight$|\.lora\.down\.weight$/.test(name);
const upOf = (name: string): string =>
  name.replace('.lora_down.', '.lora_up.').replace('.lora_A.', '.lora_B.').replace('.lora.down.', '.lora.up.');

function formatOf(names: readonly string[]): AdapterFile['format'] | undefined {
  const downs = names.filter(isDown);
  const all = (pattern: RegExp) => downs.length > 0 && downs.every((name) => pattern.test(name));
  if (all(/^lora_(?:unet|te\d?|transformer|prior_unet)_/)) return 'kohya';
  if (all(/^base_model\.model\./)) return 'peft';
  if (all(/^(?:unet|transformer|text_encoder(?:_\d)?)\./)) return 'diffusers';
  if (all(/^diffusion_model\./)) return 'original';
  return undefined;
}

/** What kohya's `ss_base_model_version` and the model specification's `modelspec.architecture` begin with. */
const familiesByName: readonly (readonly [RegExp, string])[] = [
  [/^(?:sdxl|stable-diffusion-xl)/, 'sdxl'],
  [/^(?:sd3|stable-diffusion-(?:v?3))/, 'sd3'],
  [/^(?:sd_v?1|sd_1|stable-diffusion-v1)/, 'sd15'],
  [/^flux/, 'flux'],
  [/^qwen[-_]?image/, 'qwen-image'],
  [/^z[-_]?image/, 'z-image'],
];

function familyByMetadata(metadata: Readonly<Record<string, string>>): string {
  for (const said of [metadata['modelspec.architecture'], metadata['ss_base_model_version']]) {
    const family = familiesByName.find(([pattern]) => pattern.test((said ?? '').toLowerCase()))?.[1];
    if (family !== undefined) return family;
  }
  return '';
}

/** Widths of the text that the cross attention of a U-Net reads. */
const familyByTextWidth: Readonly<Record<number, string>> = { 768: 'sd15', 2048: 'sdxl' };

/** Layers that only one family has. */
function familyByNames(names: readonly string[], entries: ReadonlyMap<string, Entry>): string {
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/single_transformer_blocks|single_blocks/)) return 'flux';
  if (has(/joint_(?:transformer_)?blocks/)) return 'sd3';
  if (has(/txt_mlp|img_mlp/)) return 'qwen-image';
  if (has(/^lora_te2_|^text_encoder_2\./) && has(/unet/)) return 'sdxl';
  const cross = names.find((name) => isDown(name) && /attn2[._]to_k/.test(name));
  return familyByTextWidth[(cross === undefined ? undefined : entries.get(cross)?.shape[1]) ?? 0] ?? '';
}
