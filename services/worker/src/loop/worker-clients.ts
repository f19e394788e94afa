import type { WorkerService } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import type { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { RpcClient } from '@tessera/rpc/rpc.js';

/** All that a worker calls: the queue that it pulls from, and the store of what jobs read and make. */
export type WorkerClient = Pick<RpcClient<typeof WorkerService>, 'claim' | 'heartbeat' | 'complete' | 'fail'>;
export type StorageClient = Pick<
  RpcClient<typeof StorageService>,
  'putAssets' | 'putOutput' | 'putCheckpoint' | 'readCheckpoint' | 'readAsset'
>;
