import { GRPCInferenceService } from '@tessera/contracts/inference/grpc_service_pb.js';
import { pause } from '@tessera/platform/concurrency/pause.js';
import { unavailable } from '@tessera/platform/errors.js';
import type { Family } from '@tessera/models/families.js';
import { checkContents } from './check-contents.js';
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
  await checkContents(
    { name: `Triton at ${url}`, run: (task, tensors, signal) => client.run(task, tensors, signal) },
    families,
    startsWithinMs,
  );
}

/** A busy model may say for a moment that it is not ready, and one that starts says so for longer. */
async function eventually(untilMs: number, question: () => Promise<boolean>): Promise<boolean> {
  while (!(await question())) {
    if (performance.now() > untilMs) return false;
    await pause(askAgainMs);
  }
  return true;
}
