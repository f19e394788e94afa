import type { DiffusionEngine, EncodedImage, PictureSize, UpscaleUpdate } from './diffusion-engine.js';

/** What comes with Tessera for pictures of any family: enlarging and cutting out, by the engine in process, which is opened when it is first needed. */
export class BundledTools {
  #engine: Promise<DiffusionEngine> | undefined;

  constructor(private readonly open: () => Promise<DiffusionEngine>) {}

  async removeBackground(picture: Uint8Array, signal: AbortSignal): Promise<EncodedImage> {
    return (await this.#opened()).removeBackground(undefined, picture, signal);
  }

  async *upscale(picture: Uint8Array, size: PictureSize, signal: AbortSignal): AsyncIterable<UpscaleUpdate> {
    yield* (await this.#opened()).upscale(undefined, picture, size, signal);
  }

  async close(): Promise<void> {
    await (await this.#engine)?.close();
  }

  #opened(): Promise<DiffusionEngine> {
    this.#engine ??= this.open();
    return this.#engine;
  }
}
