import type { Readable } from 'node:stream';
import { translated } from './s3-errors.js';

/** A generator that is given up before its first step would not release the connection; this does. Read it to the end or call `return`. */
export class S3Body implements AsyncIterableIterator<Uint8Array> {
  private readonly chunks: AsyncIterator<Uint8Array>;

  constructor(private readonly response: Readable) {
    // Until somebody reads, a broken connection would be an unhandled error.
    response.on('error', () => undefined);
    this.chunks = response[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.chunks.next();
    } catch (error) {
      throw translated(error);
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.response.destroy();
    return { done: true, value: undefined };
  }
}
