import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Server, ServerCredentials, type Metadata } from '@grpc/grpc-js';

export type Received = {
  readonly path: string;
  readonly type: string;
  readonly encoding: string;
  readonly tenant: string;
  readonly body: Buffer;
};

/** What a collector gets by HTTP: a POST for each export of a signal. */
export async function httpCollector() {
  const received: Received[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const encoding = request.headers['content-encoding'] ?? '';
      const body = encoding === 'gzip' ? gunzipSync(Buffer.concat(chunks)) : Buffer.concat(chunks);
      received.push({
        path: request.url ?? '',
        type: request.headers['content-type'] ?? '',
        encoding,
        tenant: String(request.headers['x-tenant'] ?? ''),
        body,
      });
      response
        .writeHead(200, { 'content-type': request.headers['content-type'] ?? '' })
        .end(request.headers['content-type'] === 'application/json' ? '{}' : undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

const unary = (path: string) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
});

/** And by gRPC, whose messages are left as they are. */
export async function grpcCollector() {
  const received: Received[] = [];
  const server = new Server();
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
  server.addService(
    { export: unary(path) },
    {
      export: (call: { readonly request: Buffer; readonly metadata: Metadata }, answer: (error: null, body: Buffer) => void) => {
        received.push({
          path,
          type: 'application/grpc',
          encoding: '',
          tenant: String(call.metadata.get('x-tenant')[0] ?? ''),
          body: call.request,
        });
        answer(null, Buffer.alloc(0));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  return { received, url: `http://127.0.0.1:${port}`, close: async () => server.forceShutdown() };
}
