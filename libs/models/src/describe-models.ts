import { type Family, isFlow } from './families.js';
import { type GuidanceKind, guidanceKinds } from './guidance.js';
import type { DiffusersManifest } from './diffusers-manifest.js';
import type { Manifest } from './manifest.js';
import type { ModelInfo } from './model-info.js';
import { sideMultipleOf } from './request-rules.js';
import {
  ignoredSettings,
  isServed,
  repeatCosts,
  type ServedManifest,
  takesMasks,
  takesPictures,
  takesStrength,
} from './served-manifest.js';

export type EngineKind = 'onnx' | 'noop' | 'triton' | 'python' | 'served';

/** A diffusers pipeline runs in Python only, Triton's or a worker's own, and what others serve is reached by an engine of its own; the noop engine stands in for any engine and so offers every family. */
export function canRun(engine: EngineKind, family: Family): boolean {
  if (engine === 'noop') return true;
  if (isServed(family) || engine === 'served') return isServed(family) && engine === 'served';
  return engine !== 'onnx' || isFlow(family);
}

/** What an engine of this kind offers of these families. Every engine's `describe()` and the registry answer by it, so that they agree without an engine being open. */
export function describeModels(engine: EngineKind, families: readonly Family[]): ModelInfo[] {
  return families.filter((family) => canRun(engine, family)).flatMap(modelInfos);
}

/** What one of the models of a family can do. */
export const describedIn = (family: Family, modelId: string): ModelInfo | undefined =>
  modelInfos(family).find((model) => model.modelId === modelId);

function modelInfos(family: Family): ModelInfo[] {
  const { limits: all, version, nativeSidePx } = family;
  return family.variants.map(({ modelId, name, description, aliases, leonardoId, isDefault, defaultSteps = all.defaultSteps }) => ({
    modelId,
    name,
    description,
    aliases,
    leonardoId,
    isDefault,
    ...all,
    defaultSteps,
    version,
    nativeWidthPx: nativeSidePx,
    nativeHeightPx: nativeSidePx,
    ...abilitiesOf(family, modelId),
  }));
}

type Abilities = Pick<ModelInfo, 'supportsInitImage'> & Partial<ModelInfo>;

function abilitiesOf(family: Family, modelId: string): Abilities {
  if (isServed(family)) return ofServed(family);
  return isFlow(family) ? ofFlow(family, modelId) : ofDiffusers(family);
}

function ofServed(family: ServedManifest): Abilities {
  const isGuidedTruly = family.pipeline === 'openai-server' && family.guidanceArgument === 'true_cfg_scale';
  return {
    supportsInitImage: takesPictures(family),
    supportsInpaint: takesMasks(family),
    supportsEdit: takesPictures(family) && !takesStrength(family),
    ...(isGuidedTruly ? { guidance: 'true_cfg_scale' as const, negativePrompt: 'with_true_cfg' as const } : {}),
    ...(ignoredSettings(family).includes('negativePrompt') ? { negativePrompt: 'never' as const } : {}),
    ...(family.priceMicroUsd > 0 ? { priceMicroUsd: family.priceMicroUsd } : {}),
    ...(family.sizes ? { sizes: family.sizes } : {}),
    ...(repeatCosts(family) === 'money' ? { runsOnce: true } : {}),
  };
}

function ofFlow(family: Manifest, modelId: string): Abilities {
  const isDistilled = family.variants.some((variant) => variant.modelId === modelId && variant.distilled);
  return {
    supportsInitImage: family.graphs.encoder !== undefined,
    guidanceKinds: guidanceKindsOf(family),
    ...adapterIdsOf(family),
    ...(isDistilled ? { negativePrompt: 'never' as const } : {}),
  };
}

/** By the class of its pipeline. Limits that lie between two sides that the class can make are moved to the next ones. */
function ofDiffusers({ limits, nativeSidePx, license, pipelineClass, capabilities, ...brought }: DiffusersManifest): Abilities {
  const named = { ...(license === undefined ? {} : { license }), ...(pipelineClass === undefined ? {} : { pipelineClass }) };
  if (!capabilities) return { supportsInitImage: false, ...named };
  const { sideMultiplePx, negativePrompt, guidance, promptTokens, longPrompts, weightedWords, initImage, inpaint, edit, lora } =
    capabilities;
  const multiple = sideMultipleOf(capabilities);
  const guiding = [...brought.controlNets, ...brought.ipAdapters].flatMap(({ kinds }) => kinds);
  const nativePx = Math.max(multiple, Math.floor(nativeSidePx / multiple) * multiple);
  return {
    ...named,
    sideMultiplePx,
    negativePrompt,
    guidance,
    promptTokens,
    longPrompts,
    weightedWords,
    nativeWidthPx: nativePx,
    nativeHeightPx: nativePx,
    minSidePx: Math.ceil(limits.minSidePx / multiple) * multiple,
    maxSidePx: Math.floor(limits.maxSidePx / multiple) * multiple,
    supportsInitImage: initImage || edit,
    supportsInpaint: inpaint,
    supportsEdit: edit,
    ...(capabilities.needsPicture ? { needsInitImage: true } : {}),
    guidanceKinds: guidanceKinds.filter((kind) => guiding.includes(kind)),
    // What edits is trained from what generates, and takes its adapters.
    ...(lora
      ? { adapterIds: Object.keys(brought.adapterFiles ?? {}), adapterFamily: capabilities.family.replace(/-(?:kontext|edit)$/, '') }
      : {}),
  };
}

/** Those that a request may name: not what makes a distilled variant what it is. */
function adapterIdsOf({ adapters, variants }: Manifest): Pick<ModelInfo, 'adapterIds'> {
  if (!adapters) return {};
  return { adapterIds: Object.keys(adapters.files).filter((id) => !variants.some(({ distilled }) => distilled?.adapter === id)) };
}

/** A character takes a thing's place, which every model of this pipeline has. */
export function guidanceKindsOf({ graphs: { conditioning, encoder }, steering }: Manifest): GuidanceKind[] {
  const { guides, guideStrengths, content, contentStrength, style, styleStrength } = conditioning.inputs;
  const has: Record<GuidanceKind, boolean> = {
    edges: guides !== undefined && guideStrengths !== undefined,
    depth: guides !== undefined && guideStrengths !== undefined,
    style: (style !== undefined && styleStrength !== undefined) || (steering !== undefined && encoder !== undefined),
    content: encoder !== undefined && ((content !== undefined && contentStrength !== undefined) || steering !== undefined),
    pose: false,
    character: true,
  };
  return guidanceKinds.filter((kind) => has[kind]);
}
