import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** A safetensors file with zeros: what it is shows in names and shapes alone. */
export async function writeSafetensors(
  file: string,
  shapes: Readonly<Record<string, readonly number[]>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<string> {
  let at = 0;
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const bytes = 2 * shape.reduce((product, side) => product * side, 1);
    const entry = { dtype: 'F16', shape, data_offsets: [at, at + bytes] };
    at += bytes;
    return [name, entry] as const;
  });
  const header = Buffer.from(JSON.stringify({ ...(metadata ? { __metadata__: metadata } : {}), ...Object.fromEntries(entries) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, Buffer.concat([length, header, Buffer.alloc(at)]));
  return file;
}

const stem = (channels: number) => ({ 'model.diffusion_model.input_blocks.0.0.weight': [8, channels, 3, 3] });
const vae = { 'first_stage_model.decoder.conv_in.weight': [4, 4] };

/** The keys by which files of each kind are told apart, as tools write them. */
export const shapesOf = {
  sdxl: {
    ...stem(4),
    ...vae,
    'model.diffusion_model.label_emb.0.0.weight': [8, 8],
    'conditioner.embedders.0.transformer.text_model.final_layer_norm.weight': [4],
    'conditioner.embedders.1.model.ln_final.weight': [4],
  },
  sd15: { ...stem(4), ...vae, 'cond_stage_model.transformer.text_model.final_layer_norm.weight': [4] },
  sd2: {
    ...stem(4),
    ...vae,
    'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight': [4, 1024],
    'cond_stage_model.model.ln_final.weight': [4],
  },
  sdxlInpainting: {
    ...stem(9),
    ...vae,
    'model.diffusion_model.label_emb.0.0.weight': [8, 8],
    'conditioner.embedders.1.model.ln_final.weight': [4],
  },
  sdxlRefiner: {
    ...stem(4),
    ...vae,
    'model.diffusion_model.label_emb.0.0.weight': [8, 8],
    'conditioner.embedders.0.model.ln_final.weight': [4],
  },
  fluxTransformer: { 'double_blocks.0.img_attn.norm.key_norm.scale': [4], 'img_in.weight': [8, 64] },
  fluxFill: { 'double_blocks.0.img_attn.norm.key_norm.scale': [4], 'img_in.weight': [8, 384] },
  flux2: { 'double_blocks.0.img_attn.norm.key_norm.scale': [4], 'single_stream_modulation.lin.weight': [4] },
  sd3: { 'model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias': [4] },
  zImage: { 'model.diffusion_model.layers.0.adaLN_modulation.0.weight': [4] },
  kohyaLora: { 'lora_unet_down_blocks_0_attentions_0_to_q.lora_up.weight': [4, 2] },
  peftLora: { 'base_model.model.transformer_blocks.0.attn.to_q.lora_A.weight': [2, 4] },
  controlNet: { 'controlnet_cond_embedding.conv_in.weight': [4] },
  unknown: { 'layer.weight': [4] },
} satisfies Record<string, Readonly<Record<string, readonly number[]>>>;

/** As `save_pretrained` writes it. */
export async function writePipelineFolder(
  folder: string,
  { pipelineClass = 'StableDiffusionXLPipeline', suffix = '', card }: { pipelineClass?: string; suffix?: string; card?: string } = {},
): Promise<string> {
  await mkdir(path.join(folder, 'scheduler'), { recursive: true });
  await writeFile(
    path.join(folder, 'model_index.json'),
    JSON.stringify({
      _class_name: pipelineClass,
      scheduler: ['diffusers', 'EulerDiscreteScheduler'],
      unet: ['diffusers', 'UNet2DConditionModel'],
      safety_checker: [null, null],
    }),
  );
  await writeFile(path.join(folder, 'scheduler', 'scheduler_config.json'), '{}');
  await writeSafetensors(path.join(folder, 'unet', `diffusion_pytorch_model${suffix}.safetensors`), { weight: [4] });
  if (card !== undefined) await writeFile(path.join(folder, 'README.md'), card);
  return folder;
}
