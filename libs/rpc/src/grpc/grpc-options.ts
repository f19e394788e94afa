/** Room for eight pictures of 1536 px in one message; more is refused by the receiver. */
export const messageBytesMax = 64 * 1024 * 1024;

/** What the outside world may send in one message; it is unpacked and decoded in memory. Pictures come as uploads. */
export const publicMessageBytesMax = 4 * 1024 * 1024;

/** Calls side by side over one connection of the outside world. */
export const publicChannelOptions = {
  'grpc.max_receive_message_length': publicMessageBytesMax,
  'grpc.max_concurrent_streams': 256,
};

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
