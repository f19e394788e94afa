/** Room for eight pictures of 1536 px in one message; more is refused by the receiver. */
export const messageBytesMax = 64 * 1024 * 1024;

export const grpcChannelOptions = {
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_send_message_length': messageBytesMax,
  'grpc.keepalive_time_ms': 30_000,
};
