import { type Family, isFlow } from './families.js';
import { type GuidanceKind, guidanceKinds } from './guidance.js';
import type { Manifest } from './manifest.js';
import type { ModelInfo } from './model-info.js';

export type EngineKind = 'onnx' | 'noop' | 'triton' | 'python';

/** A diffusers pipeline runs in Python only, Triton's or a worker's own; the noop engine stands in for any engine and so offers every family. */
export const canRun = (engine: EngineKind, family: Family): boolean => engine !== 'onnx' || isFlow(family);

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
    supportsInitImage: isFlow(family) && family.graphs.encoder !== undefined,
    ...(isFlow(family) ? { guidanceKinds: guidanceKindsOf(family), ...adapterIdsOf(family) } : {}),
  }));
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
    character: true,
  };
  return guidanceKinds.filter((kind) => has[kind]);
}
