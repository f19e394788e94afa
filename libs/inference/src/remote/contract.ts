import { z } from 'zod';

/** Version of the messages between this engine and `deploy/python`; raised on both sides when they change their meaning. */
export const contractVersion = 2;

export type Placed = { readonly family: string; readonly version: string };
/** A LoRA file: one of the family's folder, or one that was sent (task `adapter`) by its digest in hex. */
export type TaskAdapter = { readonly weight: number } & ({ readonly file: string } | { readonly sha256: string });
export type GenerateTask = Placed & {
  readonly task: 'paint';
  readonly steps: number;
  readonly previewEverySteps: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly guidanceScale: number;
  readonly adapters: readonly TaskAdapter[];
  /** What there is to say about each picture; its tensors are named by its number in this list. */
  readonly pictures: readonly object[];
};
export type Task =
  | { readonly task: 'describe' }
  | (Placed & { readonly task: 'run'; readonly graph: string })
  | (Placed & { readonly task: 'warm'; readonly adapters: GenerateTask['adapters'] })
  /** Keeps a LoRA file, the tensor `bytes`, for tasks that name it by its digest; a `paint` without it is refused with Unavailable `adapter_absent`, whose sentence ends with the digests. */
  | { readonly task: 'adapter'; readonly sha256: string }
  | GenerateTask;

const size = { widthPx: z.int().positive(), heightPx: z.int().positive() };
const picture = z.int().nonnegative();

/** What the Python package says; `preview` and `image` come with pixels, `tensors` with a bundle. */
export const engineEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('alive') }),
  z.object({
    type: z.literal('described'),
    contract: z.int(),
    device: z.string(),
    torch: z.string().nullable(),
    families: z.array(z.object({ family: z.string(), version: z.string(), pipeline: z.string(), pipelineClass: z.string().nullish() })),
  }),
  z.object({ type: z.literal('tensors') }),
  z.object({ type: z.literal('step'), step: z.int().positive(), steps: z.int().positive() }),
  z.object({ type: z.literal('notice'), picture, kind: z.string().min(1).max(60), message: z.string() }),
  z.object({ type: z.literal('preview'), picture, step: z.int().positive(), ...size }),
  z.object({ type: z.literal('image'), picture, ...size }),
]);
export type EngineEvent = z.infer<typeof engineEvent>;
