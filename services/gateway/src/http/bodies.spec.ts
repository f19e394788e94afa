import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, compressionAlgorithms, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';

const generations = '/api/rest/v1/generations';
const megabyte = 1024 * 1024;

describe('what somebody sends who may not', () => {
  let gateway: OpenGateway;
  beforeAll(async () => {
    gateway = await openGateway({ corsOrigins: ['https://app.example.org'] });
  });
  afterAll(() => gateway.close());

  /** Sends the head of a request and nothing of its body; answers what came until the server closed the connection. */
  const headAlone = (path: string, headers: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(gateway.url);
      const socket = createConnection(Number(port), hostname);
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve(answer));
      socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${megabyte}\r\n${headers}\r\n`);
    });

  it.each([
    ['without a key', generations, '', '401', 'missing_key'],
    ['with a wrong key', generations, 'authorization: Bearer 11111111-2222-4333-8444-555555555555\r\n', '401', 'wrong_key'],
    [
      'with a wrong key, as a form',
      '/api/rest/v1/init-image',
      'authorization: Bearer 11111111-2222-4333-8444-555555555555\r\n',
      '401',
      'wrong_key',
    ],
    ['to the routes of OpenAI', '/v1/images/generations', '', '401', 'invalid_api_key'],
    ['to what is not there', '/api/rest/v1/nothing', '', '404', 'unknown_route'],
  ])('is refused %s before its body comes, and the connection closed', async (_name, path, headers, code, type) => {
    const answer = await headAlone(path, headers);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${code} `));
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(answer).toContain(type);
  });

  it('is refused with a whole short body, too, over a connection that stays', async () => {
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await gateway.fetch(generations, {
        method: 'POST',
        body: '{"prompt":"x"}',
        headers: { authorization: 'Bearer wrong' },
      });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('connection')).not.toBe('close');
      expect(await answer.json()).toMatchObject({ type: 'wrong_key' });
    }
  });

  const bytes = (value: Buffer) => value;
  async function call(unpackedBytes: number, key: string): Promise<number> {
    const client = new Client(gateway.grpcAddress, credentials.createInsecure(), {
      'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
      'grpc.max_send_message_length': -1,
    });
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${key}`);
    // Field 15 of nothing: a message of any length that every contract skips.
    const message = Buffer.concat([Buffer.from([0x7a, ...varint(unpackedBytes)]), Buffer.alloc(unpackedBytes)]);
    const code = await new Promise<number>((resolve) =>
      client.makeUnaryRequest(
        '/tessera.gateway.v1.TesseraService/GetGeneration',
        bytes,
        bytes,
        message,
        metadata,
        (error: ServiceError | null) => resolve(error?.code ?? status.OK),
      ),
    );
    client.close();
    return code;
  }

  it('is refused over gRPC by its key first, and with a key by its unpacked length', async () => {
    expect(await call(60 * megabyte, '11111111-2222-4333-8444-555555555555')).toBe(status.UNAUTHENTICATED);
    expect(await call(5 * megabyte, gateway.key)).toBe(status.RESOURCE_EXHAUSTED);
    expect(await call(3 * megabyte, gateway.key)).not.toBe(status.RESOURCE_EXHAUSTED);
  });

  it('may come from a page of an origin that is allowed, and of no other', async () => {
    const preflight = (origin: string) =>
      fetch(new URL('/v1/images/generations', gateway.url), {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
      });
    const allowed = await preflight('https://app.example.org');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example.org');
    expect(allowed.headers.get('access-control-allow-headers')).toBe('authorization,content-type');
    const other = await preflight('https://elsewhere.example.org');
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    const answer = await gateway.fetch('/api/rest/v1/me', { headers: { origin: 'https://app.example.org' } });
    expect(answer.headers.get('access-control-expose-headers')).toContain('x-request-id');
  });
});

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
