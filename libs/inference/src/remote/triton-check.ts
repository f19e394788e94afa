import path from 'node:path';
import { GRPCInferenceService } from '@tessera/contracts/inference/grpc_service_pb.js';
import { pause } from '@tessera/platform/concurrency/pause.js';
import { unavailable } from '@tessera/platform/errors.js';
import type { Family } from '@tessera/models/families.js';
import { contractVersion } from './contract.js';
import { modelName, type TritonClient } from './triton-client.js';

/** Long enough for a server that starts beside us. */
export const startsWithinMsDefault = 30_000;

const askAgainMs = 200;

const refuse = (sentence: string, cause?: unknown) => unavailable('engine_unavailable', sentence, { cause });

/** Throws Unavailable with a sentence that says what to do, unless Triton can generate with all of these families. */
export async function checkTriton(client: TritonClient, families: readonly Family[], startsWithinMs: number): Promise<void> {
  const { url } = client;
  await client.reachable(startsWithinMs).catch((cause: unknown) => {
    throw refuse(
      `No Triton answers at ${url}: start tritonserver with the repository deploy/triton, or set TESSERA_TRITON_URL to its gRPC address.`,
      cause,
    );
  });
  const { serverReady, modelReady, modelConfig } = GRPCInferenceService.method;
  const ask = async <T>(question: Promise<T>): Promise<T> =>
    question.catch((cause: unknown) => {
      throw refuse(
        `What listens at ${url} does not answer like Triton: TESSERA_TRITON_URL must be its gRPC address, by default port 8001.`,
        cause,
      );
    });
  const untilMs = performance.now() + startsWithinMs;
  const isServerReady = await eventually(untilMs, async () => (await ask(client.unary(serverReady, {}))).ready);
  if (!isServerReady) throw refuse(`Triton at ${url} is not ready: its log says which model keeps it.`);
  const isLoaded = await eventually(untilMs, () =>
    client.unary(modelReady, { name: modelName }).then(
      ({ ready }) => ready,
      () => false,
    ),
  );
  if (!isLoaded)
    throw refuse(
      `Triton at ${url} has no model "${modelName}" that is ready: start it with --model-repository pointing to deploy/triton/repository, and look into its log.`,
    );
  const { config } = await ask(client.unary(modelConfig, { name: modelName }));
  if (!config?.modelTransactionPolicy?.decoupled)
    throw refuse(`Triton's model "${modelName}" is not decoupled: it is not the one of deploy/triton/repository.`);
  await checkContents(client, families, startsWithinMs);
}

/** A busy model may say for a moment that it is not ready, and one that starts says so for longer. */
async function eventually(untilMs: number, question: () => Promise<boolean>): Promise<boolean> {
  while (!(await question())) {
    if (performance.now() > untilMs) return false;
    await pause(askAgainMs);
  }
  return true;
}

async function checkContents(client: TritonClient, families: readonly Family[], startsWithinMs: number): Promise<void> {
  for await (const { event } of client.run({ task: 'describe' }, new Map(), AbortSignal.timeout(startsWithinMs))) {
    if (event.type !== 'described') continue;
    if (event.contract !== contractVersion)
      throw refuse(
        `Triton's model "${modelName}" speaks version ${event.contract} of the contract and this worker version ${contractVersion}: deploy both from the same release.`,
      );
    for (const { folder, version, pipeline } of families) {
      const name = path.basename(folder);
      const held = event.families.find(({ family }) => family === name);
      if (!held)
        throw refuse(
          `Triton at ${client.url} has no folder "${name}" of models: mount the folder that this worker reads as its TESSERA_MODELS.`,
        );
      if (held.version !== version)
        throw refuse(
          `Triton holds version ${held.version} of ${name} and this worker version ${version}: mount the same folder of models in both.`,
        );
      if (pipeline === 'diffusers' && event.torch === null)
        throw refuse(
          `${name} is a diffusers pipeline, and Triton has no torch: install deploy/python/requirements-diffusers.txt where it runs.`,
        );
    }
  }
}
