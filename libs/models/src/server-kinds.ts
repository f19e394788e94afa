/** What a request can say beside its prompt and size, and what a model or a server may not heed. */
export const servedSettings = ['seed', 'steps', 'guidanceScale', 'negativePrompt'] as const;
export type ServedSetting = (typeof servedSettings)[number];

export type ServerKind = {
  /** How the settings are called on the wire; what has no name is ignored there. */
  readonly fields: Readonly<Partial<Record<ServedSetting, string>>>;
  /** Pictures that one request may ask for. 1 where they could not each have their own seed. */
  readonly picturesPerRequestMax: number;
  /** `listed`: only the sizes that the manifest names; `free`: any within its limits. */
  readonly sizes: 'free' | 'listed';
  /** How pictures are sent to `images/edits`, and what a mask looks like there; absent: there is no such route. */
  readonly edits?: { readonly imageField: string; readonly mask?: { readonly field: string; readonly repaints: 'white' | 'transparent' } };
  /** Absent: pictures come as base64 without being asked for. */
  readonly responseFormat?: 'b64_json';
  /**
   * What a request costs that is sent again because nobody knows what became of it. `time`: nothing but the time of a machine of one's own; `deduplicated`: nothing,
   * the server recognises its idempotency key; `money`: it is paid for twice.
   */
  readonly repeatCosts: 'time' | 'deduplicated' | 'money';
  /** Beside 429: answers that say that nothing was begun. */
  readonly notBegunStatuses: readonly number[];
  /** Answers without generating anything, from the address on. */
  readonly healthRoute: string;
};

/** None of them tells how far a picture is: images have no progress on any of these wires. */
export const serverKinds = {
  /**
   * vLLM-Omni 0.26, https://docs.vllm.ai/projects/vllm-omni/en/stable/serving/image_generation_api/ and …/image_edit_api/: fields, `n` up to 10, PNG as `b64_json`; `mask_image` repaints what is
   * white; 503 while the engine is not ready. How the pictures of one request share a seed is not documented, so each is a request.
   */
  'vllm-omni': {
    fields: { seed: 'seed', steps: 'num_inference_steps', guidanceScale: 'guidance_scale', negativePrompt: 'negative_prompt' },
    picturesPerRequestMax: 1,
    sizes: 'free',
    edits: { imageField: 'image', mask: { field: 'mask_image', repaints: 'white' } },
    responseFormat: 'b64_json',
    repeatCosts: 'time',
    notBegunStatuses: [503],
    healthRoute: 'models',
  },
  /**
   * SGLang-Diffusion, `ImageGenerationsRequest` in sgl-project/sglang, python/sglang/multimodal_gen/runtime/entrypoints/openai/protocol.py: fields, no mask; `url` is refused for generations, so base64
   * is asked for. `GET /models` lies beside `/v1`.
   */
  'sglang-diffusion': {
    fields: { seed: 'seed', steps: 'num_inference_steps', guidanceScale: 'guidance_scale', negativePrompt: 'negative_prompt' },
    picturesPerRequestMax: 1,
    sizes: 'free',
    edits: { imageField: 'image' },
    responseFormat: 'b64_json',
    repeatCosts: 'time',
    notBegunStatuses: [503],
    healthRoute: '../models',
  },
  /**
   * https://platform.openai.com/docs/api-reference/images: `n` up to 10, sizes that each model lists, a mask whose transparent part is edited. No seed, steps, guidance or negative prompt. gpt-image models
   * refuse `response_format` and answer base64. Nothing there deduplicates a repeated request.
   */
  openai: {
    fields: {},
    picturesPerRequestMax: 10,
    sizes: 'listed',
    edits: { imageField: 'image[]', mask: { field: 'mask', repaints: 'transparent' } },
    repeatCosts: 'money',
    notBegunStatuses: [],
    healthRoute: 'models',
  },
  /** Another Tessera: `imagesBody` in services/gateway/src/openai/openai-schemas.ts. Picture `i` has the seed `seed + i`; `Idempotency-Key` joins the job of the first request. */
  tessera: {
    fields: { seed: 'seed', steps: 'steps', guidanceScale: 'guidance_scale', negativePrompt: 'negative_prompt' },
    picturesPerRequestMax: 8,
    sizes: 'free',
    responseFormat: 'b64_json',
    repeatCosts: 'deduplicated',
    notBegunStatuses: [],
    healthRoute: 'models',
  },
} as const satisfies Record<string, ServerKind>;

export type ServerKindName = keyof typeof serverKinds;

export const serverKind = (name: ServerKindName): ServerKind => serverKinds[name];
