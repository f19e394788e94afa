import { type Family, isFlow } from './families.js';
import { type GuidanceKind, guidanceKinds } from './guidance.js';
import type { Manifest } from './manifest.js';
import type { ModelInfo } from './model-info.js';
import { isServed, repeatCosts, type ServedManifest, takesPictures } from './served-manifest.js';

export type EngineKind = 'onnx' | 'noop' | 'triton' | 'served';

/** A diffusers pipeline runs in Triton's Python only, and what others serve is reached by an engine of its own; the noop engine stands in for any engine and so offers every family. */
export function canRun(engine: EngineKind, family: Family): boolean {
  if (engine === 'noop') return true;
  if (isServed(family) || engine === 'served') return isServed(family) && engine === 'served';
  return engine !== 'onnx' || isFlow(family);
}

/** What an engine of this kind offers of these families. Every engine's `describe()` and the registry answer by it, so that they agree without an engine being open. */
export function describeModels(engine: EngineKind, families: readonly Family[]): ModelInfo[] {
  return families.filter((family) => canRun(engine, family)).flatMap(modelInfos);
}

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
    supportsInitImage: isServed(family) ? takesPictures(family) : isFlow(family) && family.graphs.encoder !== undefined,
    ...(isServed(family) ? servedInfo(family) : {}),
    ...(isFlow(family) ? { guidanceKinds: guidanceKindsOf(family), ...adapterIdsOf(family) } : {}),
  }));
}

const servedInfo = (family: ServedManifest): Pick<ModelInfo, 'priceMicroUsd' | 'runsOnce' | 'sizes'> => ({
  ...(family.priceMicroUsd > 0 ? { priceMicroUsd: family.priceMicroUsd } : {}),
  ...(family.sizes ? { sizes: family.sizes } : {}),
  ...(repeatCosts(family) === 'money' ? { runsOnce: true } : {}),
});

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
    character: true,
  };
  return guidanceKinds.filter((kind) => has[kind]);
}
