import { createHash } from 'node:crypto';
import path from 'node:path';
import { cancelled, failedPrecondition, invalidArgument } from '@tessera/platform/errors.js';
import { spanTimeMs } from '@tessera/platform/telemetry/span.js';
import { Pipeline } from '../../flow/pipeline.js';
import { phraseOf } from '../../flow/prompt/phrases.js';
import { writeTrainedAdapter } from '../../lora/adapter-metadata.js';
import type { TrainedAdapter, TrainingRequest, TrainingStage, TrainingUpdate } from '../adapter-trainer.js';
import { type ExampleSource, TrainingExamples } from './examples.js';
import { fixedLoss } from './held-out.js';
import { areSound, asTensors, type Narrow } from './matrices.js';
import { priorExamples } from './prior.js';
import { samplePicture } from './samples.js';
import { drawnInputs, runTrainStep, type TrainStep } from './train-step.js';
import { type Trainable, TrainingState } from './training-state.js';
import { bindTrigger, boundCaption } from '../trigger.js';
import { isOverfitting } from './validation-history.js';

/** The rate rises over the first steps, while Adam's moments are inaccurate, and falls to a tenth in the end. */
const warmUpSteps = 10;
const lastRateShare = 0.1;

type Sets = { readonly learned: TrainingExamples; readonly heldOut: TrainingExamples; readonly prior: TrainingExamples | undefined };
type Snapshot = { readonly step: number; readonly narrow: Narrow };
/** `emit` answers when the next may come. */
export type TrainingRun = {
  readonly emit: (update: TrainingUpdate) => Promise<void>;
  readonly isCancelled: () => boolean;
};

/** Trains an adapter, in the thread that calls it (`trainer.worker.ts`). */
export async function trainAdapter(
  source: ExampleSource,
  request: TrainingRequest,
  from: Uint8Array | undefined,
  run: TrainingRun,
): Promise<void> {
  const training = new Training(source, request, run);
  await training.train(from);
}

/** The adapter of any checkpoint of a training. */
export function adapterOfCheckpoint(source: ExampleSource, request: TrainingRequest, checkpoint: Uint8Array): TrainedAdapter {
  const { manifest } = source.model;
  const { shape, graphRank } = trainableOf(source, request);
  const state = TrainingState.resume(checkpoint, { shape, graphRank }, manifest, request);
  return adapterOf(source, request, { shape, graphRank }, snapshotOf(state));
}

class Training {
  readonly #graph: TrainStep;
  readonly #trainable: Trainable;
  readonly #pipeline: Pipeline;

  constructor(
    private readonly source: ExampleSource,
    private readonly request: TrainingRequest,
    private readonly run: TrainingRun,
  ) {
    const { graph, ...trainable } = trainableOf(source, request);
    this.#graph = graph;
    this.#trainable = trainable;
    this.#pipeline = new Pipeline([source.model.manifest], source.sessions);
  }

  async train(from: Uint8Array | undefined): Promise<void> {
    const { request } = this;
    const { manifest } = this.source.model;
    const state = from
      ? TrainingState.resume(from, this.#trainable, manifest, request)
      : TrainingState.begin(this.#trainable, manifest, request);
    const sets = await this.#readSets();
    if (state.step === 0) await this.#begin(state, sets);
    while (state.step < request.steps && !(request.earlyStop && isOverfitting(state.history))) {
      await this.#staged('steps', () => this.#stretch(state, sets));
      await this.#evaluate(state, sets);
    }
    const chosen = state.chosen();
    // The pictures of the last step say nothing about an earlier one.
    if (request.sampleEverySteps > 0 && !this.#isDue(chosen.step, request.sampleEverySteps)) await this.#sample(chosen, true);
    const adapter = await this.#staged('export', async () => adapterOf(this.source, request, this.#trainable, chosen));
    await this.run.emit({ type: 'adapter', stepsRun: state.step, ...adapter });
  }

  async #readSets(): Promise<Sets> {
    const { request, source } = this;
    const { pictures, focus, trigger, augmentation, seed, priorShare = 0 } = request;
    const captioned = (split: 'train' | 'validation') =>
      pictures
        .filter((picture) => picture.split === split)
        .map(({ bytes, caption }) => ({ bytes, caption: boundCaption(caption, focus, trigger) }));
    const [learned, heldOut] = await this.#staged('encode', async () => [
      await TrainingExamples.read(source, captioned('train'), augmentation, seed),
      await TrainingExamples.read(source, captioned('validation'), { flips: false, crops: false }, seed),
    ]);
    const prior =
      priorShare > 0 ? await this.#staged('prior', () => priorExamples(source, this.#pipeline, request, this.run.isCancelled)) : undefined;
    return { learned, heldOut, prior };
  }

  /** How the model does before it has learned anything: what the later figures and pictures are compared with. */
  async #begin(state: TrainingState, sets: Sets): Promise<void> {
    await this.#validate(state, sets);
    if (this.request.sampleEverySteps > 0) await this.#sample(snapshotOf(state), false);
  }

  /** Up to the next step at which something is due. */
  async #stretch(state: TrainingState, sets: Sets): Promise<void> {
    do {
      this.#refuseIfCancelled();
      await this.#step(state, sets);
    } while (!this.#isDue(state.step, this.request.checkpointEverySteps) && !this.#isDue(state.step, this.request.sampleEverySteps));
  }

  async #step(state: TrainingState, { learned, prior }: Sets): Promise<void> {
    const { request } = this;
    const { manifest } = this.source.model;
    const examples = [];
    for (let row = 0; row < this.#graph.rows; row += 1) {
      const isPrior = prior !== undefined && state.random.uniform() < (request.priorShare ?? 0);
      examples.push(await (isPrior ? prior : learned).draw(state.random));
    }
    const inputs = drawnInputs(examples, manifest, state.random);
    const { loss, gradients } = await runTrainStep(manifest, this.#graph, this.source.sessions, inputs, state.matrices);
    if (!Number.isFinite(loss)) throw diverged(state.step + 1);
    const learningRate = rateAt(state.step, request);
    for (const { name, adam } of state.matrices) adam.step(gradients[name] ?? new Float32Array(), learningRate);
    if (!areSound(state.matrices)) throw diverged(state.step + 1);
    state.step += 1;
    await this.run.emit({ type: 'step', step: state.step, steps: request.steps, loss, learningRate });
  }

  async #evaluate(state: TrainingState, sets: Sets): Promise<void> {
    const isCheckpointDue = this.#isDue(state.step, this.request.checkpointEverySteps);
    if (isCheckpointDue) await this.#validate(state, sets);
    if (this.#isDue(state.step, this.request.sampleEverySteps)) await this.#sample(snapshotOf(state), true);
    if (isCheckpointDue) await this.run.emit({ type: 'checkpoint', step: state.step, bytes: state.checkpoint() });
  }

  async #validate(state: TrainingState, { learned, heldOut }: Sets): Promise<void> {
    if (heldOut.size === 0) return;
    const lossOf = (examples: TrainingExamples) =>
      fixedLoss(examples, heldOut.size, this.source, this.#graph, state.matrices, this.run.isCancelled);
    const [loss, trainingLoss] = await this.#staged('validate', async () => [await lossOf(heldOut), await lossOf(learned)]);
    this.#refuseIfCancelled();
    if (!Number.isFinite(loss)) throw diverged(state.step);
    // An adapter that changes nothing is not what was asked for, however well the model does by itself.
    const isBest = state.step > 0 && state.validated(loss);
    await this.run.emit({ type: 'validation', step: state.step, loss, trainingLoss, isBest });
  }

  async #sample(state: Snapshot, withTrigger: boolean): Promise<void> {
    const { request, source } = this;
    const { modelId, samplePrompts, trigger } = request;
    const { manifest } = source.model;
    const { step } = state;
    const adapter = withTrigger ? adapterOf(source, request, this.#trainable, state).bytes : undefined;
    const startMs = spanTimeMs();
    for (const [index, prompt] of samplePrompts.entries()) {
      this.#refuseIfCancelled();
      const asked = { modelId, prompt: bindTrigger(prompt, trigger), index, adapter };
      const image = await samplePicture(this.#pipeline, manifest, asked, this.run.isCancelled);
      await this.run.emit({ type: 'sample', step, index, prompt, withTrigger, image });
    }
    await this.run.emit({ type: 'stage', stage: 'sample', startMs, endMs: spanTimeMs() });
  }

  /** 0 is never due, not even at the end. */
  #isDue(step: number, everySteps: number): boolean {
    return everySteps > 0 && (step % everySteps === 0 || step === this.request.steps);
  }

  #refuseIfCancelled(): void {
    if (this.run.isCancelled()) throw cancelled('training_cancelled', 'The training was cancelled.');
  }

  async #staged<T>(stage: TrainingStage, work: () => Promise<T>): Promise<T> {
    const startMs = spanTimeMs();
    const made = await work();
    await this.run.emit({ type: 'stage', stage, startMs, endMs: spanTimeMs() });
    return made;
  }
}

function trainableOf({ model: { manifest, reader } }: ExampleSource, { modelId, focus, trigger }: TrainingRequest) {
  const graph = manifest.graphs.trainStep;
  const shape = manifest.adapters;
  if (!graph || !shape) throw invalidArgument('unsupported_training', `${modelId} cannot be trained.`, { param: 'model_id' });
  if (focus !== 'style' && reader.conceptOf(phraseOf(trigger?.noun ?? '').join(' ')) === undefined)
    throw invalidArgument('invalid_training', `${modelId} does not know the noun "${trigger?.noun ?? ''}"; name a more common one.`, {
      param: 'trigger',
    });
  return { graph, shape, graphRank: graph.rank };
}

const snapshotOf = (state: TrainingState): Snapshot => ({ step: state.step, narrow: state.now() });

function rateAt(step: number, { steps, learningRate }: TrainingRequest): number {
  const warmth = Math.min(1, (step + 1) / warmUpSteps);
  const way = step / Math.max(1, steps - 1);
  return learningRate * warmth * (lastRateShare + ((1 - lastRateShare) * (1 + Math.cos(Math.PI * way))) / 2);
}

const diverged = (step: number) =>
  failedPrecondition(
    'training_diverged',
    `The loss is no number any more at step ${step}: lower the learning rate. The last checkpoint is from before that.`,
    { param: 'learning_rate' },
  );

function adapterOf(
  { model: { manifest } }: ExampleSource,
  { modelId, focus, trigger, about, rank, learningRate, seed, pictures }: TrainingRequest,
  { shape }: Trainable,
  { step, narrow }: Snapshot,
): TrainedAdapter {
  const { bytes, metadata } = writeTrainedAdapter(asTensors(shape, rank, narrow), {
    modelId,
    family: path.basename(manifest.folder),
    familyVersion: manifest.version,
    sidePx: manifest.nativeSidePx,
    focus,
    title: about?.title,
    license: about?.license,
    date: about?.date,
    trigger,
    rank,
    step,
    learningRate,
    seed,
    pictures: pictures.filter(({ split }) => split === 'train').length,
  });
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), metadata, step };
}
