import type { SafetensorsHeader } from './safetensors-header.js';

/** What a single `.safetensors` file holds. */
export type RecognisedFile =
  | {
      readonly kind: 'checkpoint';
      /** The diffusers class that loads it. */ readonly pipelineClass: string;
      /** What is in it besides the denoiser. */ readonly hasTextEncoders: boolean;
      readonly hasVae: boolean;
      /** Trained to predict the velocity, as the key `v_pred` marks it. */ readonly predictsVelocity: boolean;
    }
  | { readonly kind: 'adapter' }
  | { readonly kind: 'refused'; readonly sentence: string };

/** Keys that name one architecture in the layout that people share; the first whose key is there decides. */
const architectures: readonly { readonly key: RegExp; readonly pipelineClass: string }[] = [
  { key: /(^|\.)joint_blocks\.0\.context_block\./, pipelineClass: 'StableDiffusion3Pipeline' },
  { key: /(^|\.)double_blocks\.0\.img_attn\./, pipelineClass: 'FluxPipeline' },
  { key: /(^|^model\.diffusion_model\.)layers\.0\.adaLN_modulation\.0\.weight$/, pipelineClass: 'ZImagePipeline' },
  { key: /^model\.diffusion_model\.label_emb\.0\.0\.weight$/, pipelineClass: 'StableDiffusionXLPipeline' },
  { key: /^model\.diffusion_model\.input_blocks\.0\.0\.weight$/, pipelineClass: 'StableDiffusionPipeline' },
];

/** Relatives of these that share their keys and load as something else. */
const strangers: readonly { readonly key: RegExp; readonly sentence: string }[] = [
  { key: /(^|\.)single_stream_modulation\.lin\.weight$/, sentence: 'FLUX.2, which is not served yet' },
  { key: /(^|\.)distilled_guidance_layer\.in_proj\.bias$/, sentence: 'Chroma, which is not served yet' },
  {
    key: /^control_(all_x_embedder|layers|model)\.|^controlnet_cond_embedding\./,
    sentence: 'a ControlNet: name its folder in the manifest of the model that it guides',
  },
  { key: /^edm_(mean|std)$/, sentence: 'Playground 2.5, whose sampler does not lie in the file; add its folder instead' },
];

const adapterKey = /\.(lora_(A|B|up|down)|lora\.(up|down)|hada_w1_a|lokr_w1|dora_scale)(\.|$)|^lora_(unet|te|te1|te2|transformer)_/;

/** By the names and shapes of its tensors, as every tool does that opens such files: nothing else in them says what they are. */
export function recogniseFile({ tensors }: SafetensorsHeader): RecognisedFile {
  const names = [...tensors.keys()];
  if (names.some((name) => adapterKey.test(name))) return { kind: 'adapter' };
  const stranger = strangers.find(({ key }) => names.some((name) => key.test(name)));
  if (stranger) return { kind: 'refused', sentence: stranger.sentence };
  const found = architectures.find(({ key }) => names.some((name) => key.test(name)));
  if (!found) return { kind: 'refused', sentence: 'no model of a kind that is known here: SD 1.5, SDXL, SD3, FLUX and Z-Image are' };
  const refusal = refusalOf(found.pipelineClass, tensors);
  if (refusal) return { kind: 'refused', sentence: refusal };
  return {
    kind: 'checkpoint',
    pipelineClass: found.pipelineClass,
    hasTextEncoders: names.some((name) => /^(cond_stage_model|conditioner|text_encoders)\./.test(name)),
    predictsVelocity: tensors.has('v_pred'),
    hasVae: names.some((name) => /^(first_stage_model|vae)\./.test(name)),
  };
}

/** Relatives that load as another class than their architecture's. */
function refusalOf(pipelineClass: string, tensors: SafetensorsHeader['tensors']): string | undefined {
  const shapeOf = (name: string) => tensors.get(name)?.shape ?? [];
  if (pipelineClass === 'StableDiffusionXLPipeline' || pipelineClass === 'StableDiffusionPipeline') {
    const [, channels = 4] = shapeOf('model.diffusion_model.input_blocks.0.0.weight');
    if (channels === 9)
      return 'a model for inpainting alone, which starts from a picture and a mask; take the model that it was made from, which inpaints as well';
    if (channels !== 4) return `a model whose denoiser takes ${channels} channels, which is none for text to image`;
  }
  if (
    pipelineClass === 'StableDiffusionXLPipeline' &&
    ![...tensors.keys()].some((name) => name.startsWith('conditioner.embedders.1.')) &&
    tensors.has('conditioner.embedders.0.model.ln_final.weight')
  )
    return 'the refiner of SDXL, which only goes over pictures; add the base model';
  const [, fluxChannels = 64] = tensors.get('img_in.weight')?.shape ?? shapeOf('model.diffusion_model.img_in.weight');
  if (pipelineClass === 'FluxPipeline' && fluxChannels !== 64) return 'a FLUX for filling or control alone; add FLUX.1 itself';
  if (pipelineClass === 'StableDiffusionPipeline') {
    const [, width = 768] = shapeOf('model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight');
    if (width === 1024) return 'Stable Diffusion 2, whose settings do not lie in the file; add its folder instead';
  }
  return undefined;
}
