import { createWriteStream, type WriteStream } from 'node:fs';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import type { ISerializer } from '@opentelemetry/otlp-transformer';

/** Lines not yet on disk; a disk that is slower than this for long loses spans, not memory. */
const waitingBytesMax = 32 * 1024 * 1024;

const newline = Buffer.from('\n');

/**
 * The OTLP file format (https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/): one JSON object a line, as a collector's `otlpjsonfile` receiver reads it.
 * A line is one append, so signals and processes may share a file.
 */
export class OtlpFileExporter<Data> {
  readonly #stream: WriteStream;
  readonly #writing = new Set<Promise<void>>();

  constructor(
    path: string,
    private readonly serializer: ISerializer<Data, unknown>,
    onError: (error: Error) => void,
  ) {
    this.#stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    this.#stream.on('error', onError);
  }

  export(data: Data, done: (result: ExportResult) => void): void {
    const line = this.serializer.serializeRequest(data);
    if (line === undefined) return done({ code: ExportResultCode.FAILED });
    const writing = this.#write(line, done).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.#writing);
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
    if (!this.#stream.destroyed) await new Promise<void>((resolve) => this.#stream.end(() => resolve()));
  }

  async #write(line: Uint8Array, done: (result: ExportResult) => void): Promise<void> {
    try {
      await this.#append(line);
    } catch (error) {
      return done({ code: ExportResultCode.FAILED, error: error as Error });
    }
    done({ code: ExportResultCode.SUCCESS });
  }

  #append(line: Uint8Array): Promise<void> {
    if (this.#stream.writableLength > waitingBytesMax) return Promise.reject(new Error('the OTLP file is written too slowly'));
    return new Promise((resolve, reject) =>
      this.#stream.write(Buffer.concat([line, newline]), (error) => (error ? reject(error) : resolve())),
    );
  }
}
