import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OutputSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { failedPrecondition } from '@tessera/platform/errors.js';
import type { CheckpointMade, OutputMade } from '../runner.js';
import { deliver } from './failures.js';
import type { StoredCheckpoint } from './heartbeats.js';
import type { StorageClient } from './worker-clients.js';

/** Outputs and checkpoints on their way from a runner into the storage service. */
export class JobFiles {
  constructor(private readonly storage: StorageClient) {}

  /** All outputs of a job in one call, under the ids that its lease gives. */
  async storeOutputs({ accountId, jobId, outputIds }: Lease, outputs: Iterable<OutputMade>): Promise<MessageInitShape<typeof OutputSchema>[]> {
    const assets = [...outputs].map(({ index, content, contentType, widthPx = 0, heightPx = 0 }) => ({ assetId: outputIds[index] ?? '', index, contentType, widthPx, heightPx, data: wholeOf(content) }));
    if (assets.length === 0) return [];
    const stored = await deliver(() => this.storage.putAssets({ accountId, jobId, assets }));
    return stored.assets.map(({ assetId, index, widthPx, heightPx, contentType, sizeBytes, sha256 }) => ({ assetId, index, widthPx, heightPx, contentType, sizeBytes, sha256 }));
  }

  /** FailedPrecondition `checkpoints_unsupported`: the storage service keeps outputs only. */
  async storeCheckpoint(_lease: Lease, _checkpoint: CheckpointMade): Promise<StoredCheckpoint> {
    throw failedPrecondition('checkpoints_unsupported', 'The storage service keeps no checkpoints.');
  }
}

function wholeOf(content: OutputMade['content']): Uint8Array {
  if (content instanceof Uint8Array) return content;
  throw failedPrecondition('streams_unsupported', 'The storage service takes outputs whole.');
}
