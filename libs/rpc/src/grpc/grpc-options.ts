/** Room for eight pictures of 1536 px in one message; more is refused by the receiver. */
export const messageBytesMax = 64 * 1024 * 1024;

/**
 * Both sides keep a connection alive through idle routers. A server makes its clients reconnect after a while, without disturbing calls in flight: they resolve the name again
 * and find the processes that were added since.
 */
const connectionAgeMaxMs = 10 * 60_000;

export const grpcChannelOptions = {
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_send_message_length': messageBytesMax,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.max_connection_age_ms': connectionAgeMaxMs,
};

/** Where a name leads to several processes, calls go to all of them in turn. */
export const grpcClientOptions = {
  ...grpcChannelOptions,
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
};
