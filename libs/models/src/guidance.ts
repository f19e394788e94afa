import { invalidArgument } from '@tessera/platform/errors.js';

/**
 * What a guiding picture determines: outlines, depth (white is near), colours and manner, arrangement, a body's posture (a drawn skeleton), or the appearance of a thing that the prompt names.
 */
export const guidanceKinds = ['edges', 'depth', 'style', 'content', 'pose', 'character'] as const;
export type GuidanceKind = (typeof guidanceKinds)[number];

/** More pictures would only average out. */
export const guidanceMax = 5;

type Guide = { readonly kind: string; readonly strength: number };

export const isGuidanceKind = (kind: string): kind is GuidanceKind => guidanceKinds.some((known) => known === kind);

/** Refuses what a model that takes these kinds cannot follow. Several pictures of one kind are for characters only. */
export function refuseUnguidable(guidance: readonly Guide[], supported: readonly GuidanceKind[], modelId: string): void {
  if (guidance.length > guidanceMax)
    throw invalidArgument('too_many_guides', `At most ${guidanceMax} pictures can guide one; these are ${guidance.length}.`, {
      param: 'guidance',
    });
  const seen = new Set<string>();
  for (const { kind, strength } of guidance) {
    if (!isGuidanceKind(kind))
      throw invalidArgument('unknown_guidance', `"${kind.slice(0, 40)}" is no kind of guidance: there are ${guidanceKinds.join(', ')}.`, {
        param: 'guidance',
      });
    if (!supported.includes(kind))
      throw invalidArgument('unsupported_guidance', `${modelId} takes no guidance of the kind "${kind}".`, { param: 'guidance' });
    if (!(strength >= 0 && strength <= 1))
      throw invalidArgument('invalid_guidance_strength', 'The strength of guidance is from 0 to 1.', { param: 'guidance' });
    if (seen.has(kind) && kind !== 'character')
      throw invalidArgument('guidance_repeated', `One picture of the kind "${kind}" can guide, not several.`, { param: 'guidance' });
    seen.add(kind);
  }
}
