import type { WorkerService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { RpcClient } from '@tessera/rpc/rpc.js';

/** All that a worker calls: the queue that it pulls from, and the place for what it paints. */
export type WorkerClient = Pick<RpcClient<typeof WorkerService>, 'claim' | 'heartbeat' | 'complete' | 'fail' | 'leave'>;
export type PictureClient = Pick<RpcClient<typeof StorageService>, 'putAssets' | 'readAsset'>;
