import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client } from './client.js';
import type { Running, StartOptions } from './profiles.js';
import type { Hop } from './trace-file.js';
import { newDataDir, removeDataDir } from './profiles.js';
import { Receiver } from './receiver.js';

const api = 'POST /api/rest/v1/generations';
const submit = 'tessera.generation.v1.GenerationService/Submit';
const reserve = 'tessera.billing.v1.BillingService/Reserve';
const putAssets = 'tessera.storage.v1.StorageService/PutAssets';
const queue = 'tessera.jobs.v1.JobService/Submit';
const complete = 'tessera.jobs.v1.WorkerService/Complete';
const finished = 'tessera.jobs.v1.JobFinished';
/** A worker of its own has loaded its model before it claims anything. */
const phases = ['read_prompt', 'conditioning', 'denoise', 'decode', 'super_resolution', 'encode'];

const [server, client, producer, consumer] = [2, 3, 4, 5];
export const kinds = { server, client, producer, consumer } as const;

/** Everything that a job of the bundled model goes through, each step below the one that caused it. `relay`: events reach their consumers over a broker. */
export function jobHops({
  relay,
  services,
}: {
  readonly relay: boolean;
  readonly services:
    | readonly ['tessera']
    | readonly ['tessera-gateway', 'tessera-generation', 'tessera-jobs', 'tessera-billing', 'tessera-storage', 'tessera-worker'];
}): Hop[] {
  const [gateway, generation = gateway, jobs = gateway, billing = gateway, storage = gateway, worker = gateway] = services;
  const arrival = relay ? `send ${finished}` : `create ${finished}`;
  return [
    { name: api, service: gateway, attributes: { 'http.route': '/api/rest/v1/generations', 'http.response.status_code': 200 } },
    { name: submit, below: api, service: gateway },
    { name: submit, below: submit, service: generation },
    { name: queue, below: submit, service: generation },
    { name: queue, below: queue, service: jobs },
    { name: 'commit generation.jobs', below: queue, service: jobs },
    { name: reserve, below: queue, service: jobs },
    { name: reserve, below: reserve, service: billing },
    { name: 'ledger reserve', below: reserve, service: billing },
    { name: 'commit billing.accounts billing.entries billing.holds', below: 'ledger reserve', service: billing },
    { name: 'queue wait', below: queue, service: jobs },
    { name: 'claim', below: queue, service: jobs },
    { name: 'run job', below: 'claim', service: worker },
    { name: 'run batch', below: 'run job', service: worker },
    ...phases.map((phase) => ({ name: `engine ${phase}`, below: 'run batch', service: worker })),
    { name: putAssets, below: 'run job', service: worker },
    { name: putAssets, below: putAssets, service: storage },
    { name: 'put object', below: putAssets, service: storage },
    { name: 'commit storage.assets', below: putAssets, service: storage },
    { name: complete, below: 'run job', service: worker },
    { name: complete, below: complete, service: jobs },
    { name: 'commit generation.jobs', below: complete, service: jobs },
    { name: `create ${finished}`, below: complete, service: jobs },
    ...(relay ? [{ name: `send ${finished}`, below: `create ${finished}`, attributes: { 'messaging.system': 'kafka' } }] : []),
    { name: `process ${finished}`, below: arrival, service: billing, attributes: { 'messaging.consumer.group.name': 'billing' } },
    { name: `process ${finished}`, below: arrival, service: storage, attributes: { 'messaging.consumer.group.name': 'storage' } },
    { name: `process ${finished}`, below: arrival, service: gateway, attributes: { 'messaging.consumer.group.name': 'gateway-webhooks' } },
    { name: 'deliver webhook', below: `process ${finished}`, service: gateway, attributes: { 'http.response.status_code': 200 } },
    { name: 'ledger settle', below: `process ${finished}`, service: billing },
    { name: 'commit billing.accounts billing.entries billing.holds', below: 'ledger settle', service: billing },
  ];
}

/** Starts a server that writes its traces to a file, lets `work` use it, stops it, and answers the file. */
export async function tracing(
  start: (options: StartOptions) => Promise<Running>,
  work: (client: Client, server: Running) => Promise<void>,
): Promise<string> {
  const file = path.join(await mkdtemp(path.join(os.tmpdir(), 'tessera-trace-')), 'spans.jsonl');
  process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] = pathToFileURL(file).href;
  const dataDir = await newDataDir();
  try {
    const server = await start({ dataDir, engine: 'onnx' });
    try {
      await work(new Client(server), server);
    } finally {
      await server.stop();
    }
  } finally {
    delete process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
    await removeDataDir(dataDir);
  }
  return file;
}

/** Asks for a small picture; answers the trace that the answer names once everything that follows from it has happened: bill and webhook. */
export async function generateTraced(client: Client): Promise<string> {
  const receiver = new Receiver();
  await client.call('POST', '/api/rest/v1/webhooks', { url: await receiver.open(), events: ['job.finished'] });
  const { status, headers, body } = await client.call('POST', '/api/rest/v1/generations', {
    prompt: 'a red apple',
    width: 512,
    height: 512,
    num_images: 1,
    num_inference_steps: 4,
  });
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
  const generationId = (body['sdGenerationJob'] as { generationId: string }).generationId;
  await client.finished(generationId);
  await client.bill(generationId);
  await receiver.post(({ body }) => body.includes(generationId));
  await receiver.close();
  return headers.get('x-trace-id') ?? '';
}
