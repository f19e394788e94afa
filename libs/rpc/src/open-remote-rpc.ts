import { GrpcRpc } from './grpc/grpc-rpc.js';
import type { Rpc } from './rpc.js';

/** For a process that hosts no service: calls over the wire only, without the 30 MB of what serving in process needs. */
export const openRemoteRpc = (addresses: ReadonlyMap<string, string>): Rpc => new GrpcRpc(addresses);
