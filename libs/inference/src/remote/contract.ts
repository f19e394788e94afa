import { z } from 'zod';

/** Version of the messages between this engine and `deploy/python`; raised on both sides when they change their meaning. */
export const contractVersion = 1;

export type Placed = { readonly family: string; readonly version: string };
export type GenerateTask = Placed & {
  readonly task: 'paint';
  readonly steps: number;
  readonly previewEverySteps: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly guidanceScale: number;
  readonly adapters: readonly { readonly file: string; readonly weight: number }[];
  /** What there is to say about each picture; its tensors are named by its number in this list. */
  readonly pictures: readonly object[];
};
export type Task =
  | { readonly task: 'describe' }
  | (Placed & { readonly task: 'run'; readonly graph: string })
  | (Placed & { readonly task: 'warm'; readonly adapters: GenerateTask['adapters'] })
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
    families: z.array(z.object({ family: z.string(), version: z.string(), pipeline: z.string() })),
  }),
  z.object({ type: z.literal('tensors') }),
  z.object({ type: z.literal('step'), step: z.int().positive(), steps: z.int().positive() }),
  z.object({ type: z.literal('preview'), picture, step: z.int().positive(), ...size }),
  z.object({ type: z.literal('image'), picture, ...size }),
]);
export type EngineEvent = z.infer<typeof engineEvent>;
