import { createGrpcMethodMetadata, GrpcMethodStreamingType, MessagePattern, Transport } from '@nestjs/microservices';

/**
 * For a handler of a client stream, `(messages: AsyncIterable<Request>, metadata, call) => Promise<Reply>`: it asks for each message, and asking throws Cancelled when the caller
 * has gone away. Use this in place of Nest's `@GrpcStreamMethod`, whose subject knows neither.
 */
export const GrpcClientStream =
  (service: string) =>
  (target: object, key: string, descriptor: PropertyDescriptor): PropertyDescriptor =>
    MessagePattern(createGrpcMethodMetadata(target, key, service, undefined, GrpcMethodStreamingType.RX_STREAMING), Transport.GRPC)(
      target,
      key,
      descriptor,
    ) as PropertyDescriptor;
