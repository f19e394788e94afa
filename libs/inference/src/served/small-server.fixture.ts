import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createLogger, type Logger } from '@tessera/platform/logger.js';
import sharp from 'sharp';
import type { DiffusionEngine, GenerateBatch, GenerateRequest, GenerateUpdate } from '../diffusion-engine.js';
import { openEngine } from '../open-engine.js';

export type Seen = {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of a JSON body. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Of a form. */
  readonly form: FormData | undefined;
};

export type Reply = {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
};
/** `hang_up`: takes the request and closes the connection; `silence`: never answers. */
type Behaviour = (seen: Seen) => Promise<Reply | 'hang_up' | 'silence'> | Reply | 'hang_up' | 'silence';

/** A server on the loopback that answers as it is told and keeps what it was asked. */
export class SmallServer {
  readonly seen: Seen[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: http.Server;
  #onSeen: () => void = () => {};

  private constructor(public behaves: Behaviour) {
    this.#server = http.createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(behaves: Behaviour): Promise<SmallServer> {
    const server = new SmallServer(behaves);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  of(method: string, route: string): Seen[] {
    return this.seen.filter((each) => each.method === method && each.path === route);
  }

  async received(count: number): Promise<void> {
    while (this.seen.length < count) await new Promise<void>((resolve) => (this.#onSeen = resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray());
    const type = request.headers['content-type'] ?? '';
    const seen: Seen = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
      json: type === 'application/json' ? JSON.parse(body.toString()) : {},
      form: type.startsWith('multipart/')
        ? await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
        : undefined,
    };
    this.seen.push(seen);
    this.#onSeen();
    const reply = await this.behaves(seen);
    if (reply === 'silence') return;
    if (reply === 'hang_up') {
      request.socket.destroy();
      return;
    }
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
    response.end(reply.bytes ?? JSON.stringify(reply.json ?? {}));
  }
}

/** The same words, seed and size give the same picture; others another one. */
export function pictureOf(words: string, widthPx: number, heightPx: number): Promise<Buffer> {
  const [r = 0, g = 0, b = 0] = createHash('sha256').update(words).digest();
  return sharp({ create: { width: widthPx, height: heightPx, channels: 3, background: { r, g, b } } })
    .png()
    .toBuffer();
}

export function sidesOf(size: unknown): [number, number] {
  const [width = 0, height = 0] = String(size).split('x').map(Number);
  return [width, height];
}

/** What a server of OpenAI's wire answers that has made what it was asked for. */
export async function imagesReply({ json, form }: Seen): Promise<Reply> {
  const field = (name: string): unknown => form?.get(name) ?? json[name];
  const [widthPx, heightPx] = sidesOf(field('size'));
  const data = [];
  for (let index = 0; index < Number(field('n')); index += 1) {
    const picture = await pictureOf(`${field('prompt')} ${Number(field('seed') ?? 0) + index}`, widthPx, heightPx);
    data.push({ b64_json: picture.toString('base64'), url: null, revised_prompt: null });
  }
  return { json: { created: 1, data } };
}

export const servedVariant = {
  modelId: 'remote-model',
  name: 'Remote',
  description: 'Runs elsewhere.',
  aliases: [],
  leonardoId: '6f2d5c1e-0a4e-4b0e-9d53-6f0c7d0f5a11',
  isDefault: true,
  remoteModel: 'org/model',
};

export const servedManifest = {
  formatVersion: 1,
  version: '1',
  variants: [servedVariant],
  limits: { minSidePx: 64, maxSidePx: 1536, defaultSteps: 20, maxSteps: 60, defaultGuidanceScale: 7 },
  nativeSidePx: 128,
};

/** What the process logs, redaction and all. */
class CapturedLines {
  readonly lines: string[] = [];
  readonly logger: Logger = createLogger('trace', 'spec', { write: (line) => void this.lines.push(line) });
}

export type OpenServed = { readonly engine: DiffusionEngine; readonly lines: readonly string[]; close(): Promise<void> };

/** An engine whose folder of models holds this one manifest. */
export async function openServed(manifest: object, environment: Record<string, string> = {}): Promise<OpenServed> {
  const modelsDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-served-'));
  const log = new CapturedLines();
  try {
    await mkdir(path.join(modelsDir, 'remote'));
    await writeFile(path.join(modelsDir, 'remote', 'manifest.json'), JSON.stringify({ ...servedManifest, ...manifest }));
    const engine = await openEngine({ engine: 'served', modelsDir, threads: 1, environment, logger: log.logger });
    return {
      engine,
      lines: log.lines,
      close: async () => {
        await engine.close();
        await rm(modelsDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(modelsDir, { recursive: true, force: true });
    throw error;
  }
}

export const batchOf = (request: Partial<GenerateRequest> = {}, batch: Partial<GenerateBatch> = {}): GenerateBatch => ({
  modelId: servedVariant.modelId,
  widthPx: 128,
  heightPx: 128,
  steps: 20,
  guidanceScale: 7,
  previewEverySteps: 0,
  requests: [{ requestId: 'job-1', prompt: 'a red apple', negativePrompt: '', seed: 7, images: 1, style: 'NONE', ...request }],
  ...batch,
});

const never = new AbortController().signal;

export async function generated(engine: DiffusionEngine, batch: GenerateBatch, signal = never) {
  const updates: GenerateUpdate[] = [];
  for await (const update of engine.generate(batch, signal)) updates.push(update);
  return {
    images: updates.flatMap((update) => (update.type === 'image' ? [update] : [])),
    notices: updates.flatMap((update) => (update.type === 'notice' ? [update.notice.kind] : [])),
  };
}
