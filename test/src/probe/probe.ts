import { fromJson, toJson, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, anyUnpack, StructSchema, type Any } from '@bufbuild/protobuf/wkt';
import type { ComputeSpecSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { SubmitRequestSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { defaultPool } from '@tessera/models/model-registry.js';

/** A kind of job that only these specs know: it sleeps once for each unit, writes a checkpoint after each, and delivers a text. */
export const probeKind = 'probe';
export const probeModel = 'probe-1';

export type ProbeRequest = { readonly units: number; readonly sleepMs: number };

/** The attempt that made each unit: what a checkpoint holds, and in the end the text that is delivered. */
export type ProbeUnits = readonly { readonly unit: number; readonly attempt: number }[];

export function probeSubmission(
  accountId: string,
  { units, sleepMs }: ProbeRequest,
  pool = defaultPool,
): MessageInitShape<typeof SubmitRequestSchema> {
  return {
    accountId,
    kind: probeKind,
    work: { pool, modelId: probeModel, units, size: units },
    compute: probeCompute(units),
    payload: anyPack(StructSchema, fromJson(StructSchema, { units, sleepMs })),
    labels: { text: `sleep ${units} times`, modelId: probeModel },
    outputs: 1,
    terms: { leaseMs: 5_000n, attemptsMax: 5, chargesCheckpoints: true },
  };
}

export function probeRequestOf(payload: Any | undefined): ProbeRequest | undefined {
  const struct = payload && anyUnpack(payload, StructSchema);
  if (!struct) return undefined;
  const { units, sleepMs } = toJson(StructSchema, struct) as JsonObject;
  return { units: Number(units), sleepMs: Number(sleepMs) };
}

/** A kind without a price of its own is priced by its units. */
export const probeCompute = (units: number): MessageInitShape<typeof ComputeSpecSchema> => ({
  spec: { case: 'generic', value: { kind: probeKind, modelId: probeModel, units, milliTokensPerUnit: 1_500 } },
});
