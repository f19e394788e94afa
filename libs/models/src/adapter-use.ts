import { invalidArgument, type ReasonOf } from '@tessera/platform/errors.js';

/** Each widens the denoiser's matrices; more than this also wash each other out. */
const adaptersMax = 4;
const weightMax = 2;

type Use = {
  readonly id: string;
  readonly bytes?: Uint8Array;
  /** It is an asset, which is looked at by whoever may. */ readonly isUploaded?: boolean;
  readonly weight: number;
};

/** Refuses what a model cannot use; `known` are the ids of adapters that stand beside it, undefined when it takes none at all. */
export function refuseUnadaptable(uses: readonly Use[], known: readonly string[] | undefined, modelId: string): void {
  const refuse = (reason: ReasonOf<'InvalidArgument'>, sentence: string) => invalidArgument(reason, sentence, { param: 'adapters' });
  if (uses.length > 0 && !known) throw refuse('unsupported_adapters', `${modelId} takes no adapters.`);
  if (uses.length > adaptersMax)
    throw refuse('too_many_adapters', `At most ${adaptersMax} adapters work together; these are ${uses.length}.`);
  for (const { id, bytes, isUploaded = false, weight } of uses) {
    if (!(Math.abs(weight) <= weightMax))
      throw refuse('invalid_adapter_weight', `The weight of an adapter is from -${weightMax} to ${weightMax}.`);
    if (!bytes && !isUploaded && !known?.includes(id)) throw refuse('unknown_adapter', `${modelId} has no adapter "${id.slice(0, 80)}".`);
  }
}
