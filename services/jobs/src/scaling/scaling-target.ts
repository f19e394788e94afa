import { defaultPool } from '@tessera/models/model-registry.js';
import { closestName } from '@tessera/platform/closest-name.js';
import { invalidArgument, type TesseraError } from '@tessera/platform/errors.js';
import type { ScalingTarget } from './scaler.js';

const backlogSecondsDefault = 60;
/** Beyond a day a target means nothing: jobs expire. */
const secondsMax = 86_400;

const ours = ['pool', 'backlogSecondsPerWorker', 'waitSecondsPerWorker'] as const;
/** Written into the same table for KEDA itself, which passes all of it on. */
const kedas = ['scalerAddress', 'enableTLS', 'unsafeSsl'] as const;
const known: readonly string[] = [...ours, ...kedas];

const refusal = (param: string, sentence: string): TesseraError => invalidArgument('invalid_scaler_metadata', sentence, { param });

/** A trigger's metadata, as a ScaledObject has them. A misspelt name is refused rather than ignored: a default in its place would be found out on the bill. */
export function scalingTarget(metadata: Readonly<Record<string, string>>, pools: readonly string[]): ScalingTarget {
  for (const name of Object.keys(metadata)) {
    if (known.includes(name)) continue;
    const closest = closestName(name, known);
    throw refusal(
      name,
      `The trigger's metadata "${name.slice(0, 80)}" is unknown.${closest ? ` Did you mean "${closest}"?` : ` There are ${ours.join(', ')}.`}`,
    );
  }
  const pool = metadata['pool'] || defaultPool;
  if (!pools.includes(pool))
    throw invalidArgument('unknown_pool', `There is no pool "${pool.slice(0, 80)}"; there are ${pools.join(', ')}.`, { param: 'pool' });
  const backlogSecondsPerWorker = seconds(metadata, 'backlogSecondsPerWorker') ?? backlogSecondsDefault;
  const waitSecondsPerWorker = seconds(metadata, 'waitSecondsPerWorker');
  return { pool, backlogSecondsPerWorker, ...(waitSecondsPerWorker === undefined ? {} : { waitSecondsPerWorker }) };
}

function seconds(metadata: Readonly<Record<string, string>>, name: (typeof ours)[number]): number | undefined {
  const text = metadata[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!(value > 0 && value <= secondsMax))
    throw refusal(name, `${name} is a number of seconds above 0 and at most ${secondsMax}, not "${text.slice(0, 80)}".`);
  return value;
}
