import { z } from 'zod';
import { limits, variantOfAny } from './manifest-entries.js';
import { servedSettings, type ServedSetting, serverKind, serverKinds, type ServerKindName } from './server-kinds.js';

/** A longer wait would outlive the hold of the job's tokens. */
const answersWithinSecondsMax = 3_600;
const environmentVariable = z.string().regex(/^[A-Z][A-Z0-9_]{0,127}$/, 'the name of an environment variable');
const httpUrl = z.url({ protocol: /^https?$/, error: 'an http or https address' });

/** Where it is, and how it is reached. The key is named, never written here: manifests are read by every service and lie in ConfigMaps. */
const server = z.strictObject({
  /** The routes begin here: `https://api.openai.com/v1`. */
  url: httpUrl,
  /** A variable whose address wins over `url` where it is set. */
  urlEnv: environmentVariable.optional(),
  apiKeyEnv: environmentVariable.optional(),
  /** Read again for every job, so that a mounted secret may change. */
  apiKeyFile: z.string().min(1).optional(),
  /** Beside the server's own: from where the pictures that it answers as links are fetched. Nowhere else. */
  resultOrigins: z.array(httpUrl.transform((url) => new URL(url).origin)).default([]),
  /** How long one request (a prediction: all of it) may take. */
  answersWithinSeconds: z.int().min(1).max(answersWithinSecondsMax).default(600),
  /** A longer answer is not read. */
  answerMegabytesMax: z.int().min(1).max(512).default(128),
});

const size = z.string().regex(/^[1-9]\d{1,4}x[1-9]\d{1,4}$/, 'a size is WIDTHxHEIGHT');

const servedFields = {
  formatVersion: z.literal(1),
  version: z.string().min(1),
  /** `remoteModel`: what the server calls it. */
  variants: z.array(variantOfAny.extend({ remoteModel: z.string().min(1).max(200) })).min(1),
  limits,
  nativeSidePx: z.int().positive(),
  server,
  /** The only sizes that there are; absent: any within the limits. */
  sizes: z.array(size).min(1).optional(),
  /** What the provider takes for a picture, in millionths of a dollar: for the operator's own price list. Above 0, nothing is sent a second time. */
  priceMicroUsd: z.int().min(0).default(0),
  /** Sent along with every request, such as `"quality": "high"`. */
  constants: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
};

export const openAiServerSchema = z
  .strictObject({
    ...servedFields,
    pipeline: z.literal('openai-server'),
    kind: z.enum(Object.keys(serverKinds) as [ServerKindName, ...ServerKindName[]]),
    /** What the server would pass on and this model ignores: nobody there says so. */
    ignores: z.array(z.enum(servedSettings)).default([]),
    /** What pictures this model takes: none, one that it edits, or one with a mask, too. */
    edits: z.enum(['none', 'picture', 'mask']).default('none'),
    /** Which argument the guidance scale is: classifier-free guidance of models with a distilled one is `true_cfg_scale`. */
    guidanceArgument: z.enum(['guidance_scale', 'true_cfg_scale']).default('guidance_scale'),
  })
  .superRefine(({ kind: name, sizes, edits }, context) => {
    const { sizes: offered, edits: route } = serverKind(name);
    if (offered === 'listed' && !sizes)
      context.addIssue({ code: 'custom', path: ['sizes'], message: `a model of the kind "${name}" has listed sizes only` });
    if ((edits !== 'none' && !route) || (edits === 'mask' && !route?.mask))
      context.addIssue({ code: 'custom', path: ['edits'], message: `a server of the kind "${name}" does not take "${edits}"` });
  });

const inputName = z.string().min(1).max(100).optional();

export const predictionSchema = z
  .strictObject({
    ...servedFields,
    pipeline: z.literal('prediction'),
    /** How the inputs of this model are called; what has no name is not sent. Every model has its own schema. */
    input: z.strictObject({
      prompt: z.string().min(1).max(100).default('prompt'),
      seed: inputName,
      steps: inputName,
      guidanceScale: inputName,
      negativePrompt: inputName,
      width: inputName,
      height: inputName,
      /** Takes "16:9"; instead of width and height. */
      aspectRatio: inputName,
      image: inputName,
      mask: inputName,
      /** Takes how much of the init image is changed: 1 ignores it. */
      promptStrength: inputName,
    }),
  })
  .superRefine(({ input, sizes }, context) => {
    const isSized = input.width !== undefined && input.height !== undefined;
    if (!isSized && !sizes)
      context.addIssue({
        code: 'custom',
        path: ['sizes'],
        message: 'needed where the input has no width and height: the sizes that the model delivers',
      });
  });

type Placed = { /** Where a relative `apiKeyFile` starts. */ readonly folder: string };
export type OpenAiServerManifest = z.infer<typeof openAiServerSchema> & Placed;
export type PredictionManifest = z.infer<typeof predictionSchema> & Placed;
/** A model that somebody else's server runs. */
export type ServedManifest = OpenAiServerManifest | PredictionManifest;

export const isServed = <F extends { readonly pipeline: string }>(family: F): family is Extract<F, ServedManifest> =>
  family.pipeline === 'openai-server' || family.pipeline === 'prediction';

/** The settings that do nothing with this model. */
export function ignoredSettings(family: ServedManifest): readonly ServedSetting[] {
  if (family.pipeline === 'prediction') return servedSettings.filter((setting) => family.input[setting] === undefined);
  const { fields } = serverKind(family.kind);
  return servedSettings.filter((setting) => fields[setting] === undefined || family.ignores.includes(setting));
}

export const takesPictures = (family: ServedManifest): boolean =>
  family.pipeline === 'prediction' ? family.input.image !== undefined : family.edits !== 'none';

export const takesMasks = (family: ServedManifest): boolean =>
  family.pipeline === 'prediction' ? family.input.mask !== undefined : family.edits === 'mask';

/** Whether it starts from a picture to a degree; else the picture goes in whole and the prompt says what to change. */
export const takesStrength = (family: ServedManifest): boolean =>
  family.pipeline === 'prediction' && family.input.promptStrength !== undefined;

/** What sending a request again would cost. A server that somebody is paid for deduplicates nothing unless its kind does. */
export function repeatCosts(family: ServedManifest): 'time' | 'deduplicated' | 'money' {
  // https://replicate.com/docs/reference/http: creating a prediction has no idempotency key.
  if (family.pipeline === 'prediction') return 'money';
  const { repeatCosts: costs } = serverKind(family.kind);
  return costs === 'time' && family.priceMicroUsd > 0 ? 'money' : costs;
}
