import { createHash } from 'node:crypto';
import { tensorBytesOf, type TensorFile, writeSafetensors } from './safetensors.js';

/** What is known of an adapter that was trained; what is absent is left out of its file. */
export type TrainedAs = {
  readonly modelId: string;
  readonly family: string;
  readonly familyVersion: string;
  readonly sidePx: number;
  readonly focus: string;
  readonly title: string | undefined;
  readonly license: string | undefined;
  /** ISO 8601. */
  readonly date: string | undefined;
  readonly trigger: { readonly word: string; readonly noun?: string } | undefined;
  readonly rank: number;
  readonly step: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly pictures: number;
};

/**
 * An adapter's file with what other tools look for: ModelSpec 1.0.1 (https://github.com/Stability-AI/ModelSpec) and the `ss_*` keys that kohya's sd-scripts write and readers sort
 * LoRAs by. All values are text. Names of files and captions are left out on purpose: kohya writes them, and whoever is given the file could read them.
 */
export function writeTrainedAdapter(
  tensors: TensorFile['tensors'],
  trained: TrainedAs,
): { bytes: Uint8Array; metadata: Record<string, string> } {
  // The numbers lie behind the header, so that their digest does not depend on the header that names it.
  const hash = createHash('sha256')
    .update(tensorBytesOf(writeSafetensors({ tensors, metadata: {} })))
    .digest('hex');
  const metadata = metadataOf(trained, hash);
  return { bytes: writeSafetensors({ tensors, metadata }), metadata };
}

function metadataOf(trained: TrainedAs, hash: string): Record<string, string> {
  const { modelId, family, familyVersion, sidePx, focus, title, license, date, trigger, rank } = trained;
  const entries: Record<string, string | undefined> = {
    'modelspec.sai_model_spec': '1.0.1',
    'modelspec.architecture': `${family}-${familyVersion}/lora`,
    'modelspec.implementation': 'tessera',
    'modelspec.title': title ?? `${modelId} ${focus}`,
    'modelspec.resolution': `${sidePx}x${sidePx}`,
    'modelspec.date': date,
    'modelspec.trigger_phrase': trigger?.word,
    'modelspec.license': license,
    'modelspec.hash_sha256': `0x${hash}`,
    ss_v2: 'False',
    ss_base_model_version: `${family}-${familyVersion}`,
    ss_network_module: 'networks.lora',
    ss_network_dim: String(rank),
    // The products are taken as they are: alpha over rank is 1.
    ss_network_alpha: String(rank),
    ss_network_args: '{}',
    ss_steps: String(trained.step),
    ss_learning_rate: String(trained.learningRate),
    ss_optimizer: 'Adam',
    ss_seed: String(trained.seed),
    ss_resolution: `(${sidePx}, ${sidePx})`,
    ss_num_train_images: String(trained.pictures),
    sshs_model_hash: hash,
    'tessera.model': modelId,
    'tessera.focus': focus,
    'tessera.noun': trigger?.noun,
  };
  return Object.fromEntries(Object.entries(entries).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
