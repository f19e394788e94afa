import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OutputSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import type { CheckpointHeaderSchema, OutputHeaderSchema, PutCheckpointRequestSchema, PutOutputRequestSchema } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { CheckpointMade, Content, OutputMade } from '../runner.js';
import { deliver, hasReason } from './failures.js';
import type { StoredCheckpoint } from './heartbeats.js';
import type { StorageClient } from './worker-clients.js';

/** As much as storage takes in one message of a stream. */
const pieceBytesMax = 1024 * 1024;

type StoredOutput = MessageInitShape<typeof OutputSchema>;
type WholePicture = OutputMade & { readonly content: Uint8Array };

const isWholePicture = (output: OutputMade): output is WholePicture => output.content instanceof Uint8Array && output.contentType.startsWith('image/');

/** Outputs and checkpoints on their way from a runner into the storage service, and back to the next attempt. */
export class JobFiles {
  constructor(private readonly storage: StorageClient) {}

  /** Under the ids that the lease gives: the pictures of a job in one call, anything else as a stream of its own. */
  async storeOutputs(lease: Lease, outputs: Iterable<OutputMade>): Promise<StoredOutput[]> {
    const all = [...outputs];
    const pictures = await this.#storePictures(lease, all.filter(isWholePicture));
    const others: StoredOutput[] = [];
    for (const output of all) if (!isWholePicture(output)) others.push(await this.#storeOutput(lease, output));
    return [...pictures, ...others];
  }

  async storeCheckpoint({ accountId, jobId }: Lease, { step, units, content }: CheckpointMade): Promise<StoredCheckpoint> {
    const header = { accountId, jobId, step, units, sha256: digestOf(content) };
    const { checkpoint } = await storeOf(content, () => this.storage.putCheckpoint(checkpointMessages(header, content)));
    if (!checkpoint) throw new Error('The storage service answered no checkpoint.');
    return checkpoint;
  }

  /** The bytes of the checkpoint that the lease names; nothing when there is none, or none that can be read: then the job begins anew. */
  async readCheckpoint({ accountId, jobId, checkpoint }: Lease, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (!checkpoint) return undefined;
    const parts: Uint8Array[] = [];
    try {
      for await (const { data } of this.storage.readCheckpoint({ accountId, jobId, step: checkpoint.step, digest: checkpoint.digest }, { signal })) parts.push(data);
    } catch (error) {
      if (hasReason(error, 'unknown_checkpoint', 'checkpoint_damaged')) return undefined;
      throw error;
    }
    return Buffer.concat(parts);
  }

  async #storePictures({ accountId, jobId, outputIds }: Lease, pictures: readonly WholePicture[]): Promise<StoredOutput[]> {
    if (pictures.length === 0) return [];
    const assets = pictures.map(({ index, content, contentType, widthPx = 0, heightPx = 0 }) => ({ assetId: outputIds[index] ?? '', index, contentType, widthPx, heightPx, data: content }));
    const stored = await deliver(() => this.storage.putAssets({ accountId, jobId, assets }));
    return stored.assets.map(({ assetId, index, widthPx, heightPx, contentType, sizeBytes, sha256 }) => ({ assetId, index, widthPx, heightPx, contentType, sizeBytes, sha256 }));
  }

  async #storeOutput({ accountId, jobId, outputIds }: Lease, { index, contentType, content, widthPx = 0, heightPx = 0 }: OutputMade): Promise<StoredOutput> {
    const header = { accountId, jobId, assetId: outputIds[index] ?? '', index, contentType, widthPx, heightPx, sha256: digestOf(content) };
    const { output } = await storeOf(content, () => this.storage.putOutput(outputMessages(header, content)));
    if (!output) throw new Error('The storage service answered no output.');
    return output;
  }
}

/** A stream can be read once, so only what is whole is delivered again. */
const storeOf = <T>(content: Content, call: () => Promise<T>): Promise<T> => (content instanceof Uint8Array ? deliver(call) : call());

/** Lets storage see whether whole bytes have arrived as they were; of a stream nobody knows it beforehand. */
const digestOf = (content: Content): string => (content instanceof Uint8Array ? createHash('sha256').update(content).digest('hex') : '');

async function* outputMessages(header: MessageInitShape<typeof OutputHeaderSchema>, content: Content): AsyncGenerator<MessageInitShape<typeof PutOutputRequestSchema>> {
  yield { part: { case: 'header', value: header } };
  for await (const data of piecesOf(content)) yield { part: { case: 'data', value: data } };
}

async function* checkpointMessages(header: MessageInitShape<typeof CheckpointHeaderSchema>, content: Content): AsyncGenerator<MessageInitShape<typeof PutCheckpointRequestSchema>> {
  yield { part: { case: 'header', value: header } };
  for await (const data of piecesOf(content)) yield { part: { case: 'data', value: data } };
}

async function* piecesOf(content: Content): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) yield* slices(content);
  else for await (const part of content) yield* slices(part);
}

function* slices(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += pieceBytesMax) yield bytes.subarray(from, from + pieceBytesMax);
}
