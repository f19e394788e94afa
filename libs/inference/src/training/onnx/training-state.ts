import { createHash } from 'node:crypto';
import { z } from 'zod';
import { invalidArgument, TesseraError } from '@tessera/platform/errors.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { Random } from '../../flow/random.js';
import type { AdapterShape } from '../../lora/adapter.js';
import { readSafetensors, type Tensor, writeSafetensors } from '../../lora/safetensors.js';
import type { TrainingRequest } from '../adapter-trainer.js';
import { asTensors, type Matrix, type Narrow, narrowed, resumedMatrices, startMatrices } from './matrices.js';
import { noValidation, type ValidationHistory, withValidation } from './validation-history.js';

const drawStream = 12;
const format = 'tessera-training-checkpoint';
/** Rises when a checkpoint means something else; one of another version is refused, since going on from it would not be what the unbroken training is. */
const version = '1';

const parsed = <Value extends z.ZodType>(value: Value) =>
  z.string().transform((text, context) => {
    try {
      return value.parse(JSON.parse(text));
    } catch {
      context.addIssue('no JSON of its kind');
      return z.NEVER;
    }
  });
const checkpointMetadata = z.object({
  format: z.literal(format),
  version: z.literal(version),
  request: z.string(),
  step: z.string().regex(/^\d+$/).transform(Number),
  random: parsed(z.object({ words: z.array(z.int().min(0).max(0xffff_ffff)).length(4), spare: z.number().nullable() })),
  validation: parsed(
    z.object({
      last: z.number().nullable(),
      rises: z.int().min(0),
      best: z.object({ step: z.int().min(0), loss: z.number() }).nullable(),
    }),
  ),
});

export type Trainable = { readonly shape: AdapterShape; readonly graphRank: number };

/** Everything that the next step depends on, apart from the request itself. */
export class TrainingState {
  private constructor(
    private readonly trainable: Trainable,
    private readonly rank: number,
    /** What the checkpoints of this training, and of no other, carry. */
    private readonly digest: string,
    readonly matrices: readonly Matrix[],
    readonly random: Random,
    public step: number,
    private validation: ValidationHistory,
    private best: Narrow | undefined,
  ) {}

  static begin(trainable: Trainable, manifest: Manifest, request: TrainingRequest): TrainingState {
    const { shape, graphRank } = trainable;
    const matrices = startMatrices(shape, graphRank, request);
    return new TrainingState(
      trainable,
      request.rank,
      digestOf(manifest, request),
      matrices,
      new Random(request.seed, drawStream),
      0,
      noValidation,
      undefined,
    );
  }

  /** Errors: InvalidArgument `unreadable_checkpoint` | `foreign_checkpoint`. */
  static resume(bytes: Uint8Array, trainable: Trainable, manifest: Manifest, request: TrainingRequest): TrainingState {
    const { tensors, metadata } = readCheckpoint(bytes);
    const digest = digestOf(manifest, request);
    if (metadata.request !== digest)
      throw invalidArgument('foreign_checkpoint', 'The checkpoint is of another training, or of another version of the model.', {
        param: 'checkpoint',
      });
    const { shape, graphRank } = trainable;
    const { step, random, validation } = metadata;
    const wanted = asTensors(shape, request.rank, new Map());
    const stored = (part: string, name: string): Float32Array => {
      const tensor = tensors.get(`${part}.${name}`);
      const lengths = wanted.get(name)?.shape ?? [];
      if (!tensor || tensor.shape.join() !== lengths.join()) throw unreadable(`"${part}.${name}" is missing or has another shape`);
      return tensor.data;
    };
    const matrices = resumedMatrices(shape, graphRank, request.rank, step, stored);
    const best = validation.best ?? undefined;
    const part = best?.step === step ? 'now' : 'best';
    return new TrainingState(
      trainable,
      request.rank,
      digest,
      matrices,
      Random.resumed({ words: random.words, spare: random.spare ?? undefined }),
      step,
      { last: validation.last ?? undefined, rises: validation.rises, best },
      best && new Map(matrices.map(({ name }) => [name, stored(part, name)])),
    );
  }

  /** In single precision, since half of it would round what the next step starts from. */
  checkpoint(): Uint8Array {
    const { shape } = this.trainable;
    const { last, rises, best } = this.validation;
    const parts: Record<string, Narrow> = {
      now: this.now(),
      mean: narrowed(this.matrices, this.rank, ({ adam }) => adam.moments.mean),
      square: narrowed(this.matrices, this.rank, ({ adam }) => adam.moments.square),
      ...(this.best && best?.step !== this.step ? { best: this.best } : {}),
    };
    const tensors = new Map<string, Tensor>();
    for (const [part, narrow] of Object.entries(parts))
      for (const [name, tensor] of asTensors(shape, this.rank, narrow)) tensors.set(`${part}.${name}`, tensor);
    const { words, spare } = this.random.state;
    const metadata = {
      format,
      version,
      request: this.digest,
      step: String(this.step),
      random: JSON.stringify({ words, spare: spare ?? null }),
      validation: JSON.stringify({ last: last ?? null, rises, best: best ?? null }),
    };
    return writeSafetensors({ tensors, metadata }, 'F32');
  }

  /** Answers whether it is the lowest loss so far; then this state is kept. */
  validated(loss: number): boolean {
    this.validation = withValidation(this.validation, this.step, loss);
    const isBest = this.validation.best?.step === this.step;
    if (isBest) this.best = this.now();
    return isBest;
  }

  get history(): ValidationHistory {
    return this.validation;
  }

  now(): Narrow {
    return narrowed(this.matrices, this.rank, ({ tensor }) => tensor.data);
  }

  /** The state with the lowest validation loss; without any, the present one. */
  chosen(): { readonly step: number; readonly narrow: Narrow } {
    const { best } = this.validation;
    return best && this.best ? { step: best.step, narrow: this.best } : { step: this.step, narrow: this.now() };
  }
}

const unreadable = (sentence: string, cause?: unknown) =>
  invalidArgument('unreadable_checkpoint', `The checkpoint cannot be read: ${sentence}.`, { param: 'checkpoint', cause });

function readCheckpoint(bytes: Uint8Array): { tensors: ReadonlyMap<string, Tensor>; metadata: z.infer<typeof checkpointMetadata> } {
  const file = (() => {
    try {
      return readSafetensors(bytes);
    } catch (cause) {
      if (cause instanceof TesseraError) throw unreadable('it is no whole safetensors file', cause);
      throw cause;
    }
  })();
  const metadata = checkpointMetadata.safeParse(file.metadata);
  if (!metadata.success) throw unreadable(`it is no checkpoint of version ${version}`);
  return { tensors: file.tensors, metadata: metadata.data };
}

/** Of everything that a step depends on, and of nothing else: another title may be given on the way. */
function digestOf({ version: modelVersion }: Manifest, { about: _, pictures, ...others }: TrainingRequest): string {
  const digest = createHash('sha256').update(JSON.stringify([modelVersion, sorted(others)]));
  for (const { bytes, caption, split } of pictures)
    digest.update(JSON.stringify([createHash('sha256').update(bytes).digest('hex'), caption, split]));
  return digest.digest('hex');
}

/** Whoever keeps a request and reads it again may get its fields in another order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => [key, sorted(field)]),
  );
}
