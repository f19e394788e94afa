import { describe, expect, it } from '@jest/globals';
import { inspectAdapter } from './inspect-adapter.js';
import { loraFile } from './lora-file.fixture.js';

/** In small pieces, as streams bring it. */
async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
}
const inspect = (bytes: Buffer) => inspectAdapter(inPieces(bytes), bytes.length);
const pair = (down: string, up: string, width = 4) => ({ [down]: [2, width], [up]: [8, 2] });

const kohya = (layer: string, width?: number) => ({
  ...pair(`${layer}.lora_down.weight`, `${layer}.lora_up.weight`, width),
  [`${layer}.alpha`]: [],
});
const diffusers = (layer: string, width?: number) => pair(`${layer}.lora_A.weight`, `${layer}.lora_B.weight`, width);

describe('an uploaded adapter', () => {
  it.each([
    ['kohya', 'sdxl', kohya('lora_unet_down_blocks_0_attn2_to_k', 2048), {}],
    ['kohya', 'sd15', kohya('lora_unet_down_blocks_0_attn2_to_k', 768), {}],
    ['kohya', '', kohya('lora_unet_down_blocks_0_attn2_to_k', 32), {}],
    ['kohya', 'sdxl', kohya('lora_unet_down_blocks_0_attn2_to_k', 32), { ss_base_model_version: 'sdxl_base_v1-0' }],
    ['kohya', 'flux', kohya('lora_unet_single_blocks_0_linear1'), {}],
    ['diffusers', 'flux', diffusers('transformer.single_transformer_blocks.0.attn.to_q'), {}],
    ['diffusers', 'flux', diffusers('transformer.transformer_blocks.0.attn.to_q'), { 'modelspec.architecture': 'flux-1-dev/lora' }],
    ['diffusers', 'sdxl', diffusers('unet.down_blocks.1.attn2.to_k', 2048), {}],
    ['diffusers', '', pair('unet.x.lora.down.weight', 'unet.x.lora.up.weight'), {}],
    ['peft', '', diffusers('base_model.model.down_blocks.0.to_q'), {}],
    ['original', 'qwen-image', diffusers('diffusion_model.transformer_blocks.0.img_mlp.net.0'), {}],
    [
      'diffusers',
      'sd3',
      diffusers('transformer.transformer_blocks.0.attn.to_q'),
      { 'modelspec.architecture': 'stable-diffusion-v3-medium/lora' },
    ],
    ['diffusers', 'z-image', diffusers('transformer.layers.0.attn.to_q'), { ss_base_model_version: 'zimage' }],
  ])('is read as one of %s for "%s"', async (format, family, shapes, metadata) => {
    expect(await inspect(loraFile(shapes, metadata))).toEqual({ adapter: { format, family } });
  });

  const good = loraFile(kohya('lora_unet_x'));
  const lying = (change: (text: string) => string) => {
    const length = Number(good.readBigUInt64LE(0));
    const header = Buffer.from(change(good.subarray(8, 8 + length).toString()));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(header.length));
    return Buffer.concat([size, header, good.subarray(8 + length)]);
  };

  it.each([
    ['a DoRA', loraFile({ ...kohya('lora_unet_x'), 'lora_unet_x.dora_scale': [8] }), 'DoRA'],
    ['a DoRA of peft', loraFile({ ...diffusers('base_model.model.x'), 'base_model.model.x.lora_magnitude_vector.weight': [8] }), 'DoRA'],
    ['a LoHa', loraFile({ 'lora_unet_x.hada_w1_a': [2, 4] }), 'LoHa'],
    ['a LoKr', loraFile({ 'lora_unet_x.lokr_w1': [2, 4] }), 'LoHa, LoKr'],
    ['a GLoRA', loraFile({ 'lora_unet_x.a1.weight': [2, 4] }), 'GLoRA'],
    ['a half', loraFile({ 'lora_unet_x.lora_down.weight': [2, 4] }), 'no second half'],
    ['a whole model', loraFile({ 'model.diffusion_model.input_blocks.0.0.weight': [4, 4] }), 'no LoRA'],
    ['two ways of naming', loraFile({ ...kohya('lora_unet_x'), ...diffusers('transformer.y') }), 'no LoRA'],
    ['nothing', loraFile({}), 'header'],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\nand more', 'latin1'), 'no safetensors file'],
    ['a file of a few bytes', Buffer.from('abc'), 'no safetensors file'],
    ['a header that is no JSON', lying(() => '{'), 'header'],
    ['a header that says nothing sensible', lying(() => '{"x": 5}'), 'header'],
    ['a header of another length', lying((text) => text.replace('[2,4]', '[2,5]')), 'length'],
    ['bytes that are cut off', good.subarray(0, -2), 'length'],
    ['bytes that nothing names', Buffer.concat([good, Buffer.alloc(2)]), 'length'],
  ])('is refused when it is %s', async (_what, bytes, word) => {
    expect(await inspect(bytes)).toEqual({ refusal: 'unreadable_adapter', sentence: expect.stringContaining(word) });
  });

  it('is refused when it is too large, without a look at it', async () => {
    expect(await inspectAdapter(inPieces(good), 257 * 1024 * 1024)).toMatchObject({ sentence: expect.stringContaining('256 MiB') });
  });
});
