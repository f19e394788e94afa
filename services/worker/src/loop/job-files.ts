import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OutputSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { internal } from '@tessera/platform/errors.js';
import type { CheckpointMade, Content, OutputMade } from '../runner.js';
import { deliver, hasReason } from './failures.js';
import type { StoredCheckpoint } from './heartbeats.js';
import type { StorageClient } from './worker-clients.js';

type Stored = MessageInitShape<typeof OutputSchema>;
type Picture = OutputMade & { readonly content: Uint8Array };

/** What storage takes several of in one message. */
const pictureTypes: readonly string[] = ['image/png', 'image/jpeg', 'image/webp'];
/** As the contract has it, with room for the message around the bytes. */
const pieceBytesMax = 1024 * 1024;

/** Outputs and checkpoints on their way from a runner into the storage service, and checkpoints on their way back. */
export class JobFiles {
  constructor(private readonly storage: StorageClient) {}

  /** All outputs of a job, under the ids that its lease gives: small pictures in one call, anything else as a stream of its own. */
  async storeOutputs(lease: Lease, outputs: Iterable<OutputMade>): Promise<Stored[]> {
    const all = [...outputs];
    const pictures = all.filter(isPicture);
    const stored = pictures.length === 0 ? [] : await this.#storePictures(lease, pictures);
    for (const output of all) if (!isPicture(output)) stored.push(await this.#storeStream(lease, output));
    return stored;
  }

  /** The answer is to be told to the queue before the next checkpoint is stored. */
  async storeCheckpoint({ accountId, jobId }: Lease, { step, units, content }: CheckpointMade): Promise<StoredCheckpoint> {
    const header = { part: { case: 'header' as const, value: { accountId, jobId, step, units, sha256: digestOf(content) } } };
    const { checkpoint } = await this.#streamed(content, () => this.storage.putCheckpoint(withHeader(header, content)));
    if (!checkpoint) throw internal('incomplete_answer', 'Storage answered without the checkpoint.');
    return checkpoint;
  }

  /** The bytes of the checkpoint that the lease names; nothing when there is none, or none that can be read: then the job begins anew. */
  async readCheckpoint({ accountId, jobId, checkpoint }: Lease, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (!checkpoint) return undefined;
    const { step, digest } = checkpoint;
    const parts: Uint8Array[] = [];
    try {
      for await (const { data } of this.storage.readCheckpoint({ accountId, jobId, step, digest }, { signal })) parts.push(data);
    } catch (error) {
      if (hasReason(error, 'unknown_checkpoint', 'checkpoint_damaged')) return undefined;
      throw error;
    }
    return Buffer.concat(parts);
  }

  async #storePictures({ accountId, jobId, outputIds }: Lease, pictures: readonly Picture[]): Promise<Stored[]> {
    const assets = pictures.map(({ index, content, contentType, widthPx = 0, heightPx = 0 }) => ({
      assetId: outputIds[index] ?? '',
      index,
      contentType,
      widthPx,
      heightPx,
      data: content,
    }));
    const stored = await deliver(() => this.storage.putAssets({ accountId, jobId, assets }));
    return stored.assets.map(({ assetId, index, widthPx, heightPx, contentType, sizeBytes, sha256 }) => ({
      assetId,
      index,
      widthPx,
      heightPx,
      contentType,
      sizeBytes,
      sha256,
    }));
  }

  async #storeStream(
    { accountId, jobId, outputIds }: Lease,
    { index, content, contentType, widthPx = 0, heightPx = 0 }: OutputMade,
  ): Promise<Stored> {
    const header = {
      part: {
        case: 'header' as const,
        value: { accountId, jobId, assetId: outputIds[index] ?? '', index, contentType, widthPx, heightPx, sha256: digestOf(content) },
      },
    };
    const { output } = await this.#streamed(content, () => this.storage.putOutput(withHeader(header, content)));
    if (!output) throw internal('incomplete_answer', 'Storage answered without the output.');
    return output;
  }

  /** A stream that has been read once cannot be sent again. */
  #streamed<T>(content: Content, put: () => Promise<T>): Promise<T> {
    return content instanceof Uint8Array ? deliver(put) : put();
  }
}

/** Lets storage see whether whole bytes have arrived as they were; of a stream nobody knows it beforehand. */
const digestOf = (content: Content): string => (content instanceof Uint8Array ? createHash('sha256').update(content).digest('hex') : '');

const isPicture = (output: OutputMade): output is Picture =>
  output.content instanceof Uint8Array && pictureTypes.includes(output.contentType);

async function* withHeader<H>(header: H, content: Content): AsyncGenerator<H | { part: { case: 'data'; value: Uint8Array } }> {
  yield header;
  for await (const bytes of content instanceof Uint8Array ? [content] : content) {
    for (let at = 0; at < bytes.length; at += pieceBytesMax)
      yield { part: { case: 'data', value: bytes.subarray(at, at + pieceBytesMax) } };
  }
}
