import { inSpan, type Attributes, type Span } from '@tessera/platform/telemetry/span.js';
import { ObjectStore, type ByteRange, type ObjectHead, type ObjectKey, type UploadForm, type UploadPolicy } from './object-store.js';

/** Put before a store when spans are recorded. */
export class TracedObjectStore extends ObjectStore {
  /** `system`: what keeps the bytes. */
  constructor(
    private readonly objects: ObjectStore,
    private readonly system: 'filesystem' | 's3',
  ) {
    super();
  }

  put(key: ObjectKey, body: Uint8Array | AsyncIterable<Uint8Array>, options: { contentType: string; sizeBytesMax?: number }): Promise<ObjectHead> {
    return this.#traced('put', key, async (span) => {
      const head = await this.objects.put(key, body, options);
      span.set({ 'tessera.object.size_bytes': head.sizeBytes });
      return head;
    });
  }

  /** Until the body can be read; reading it takes as long as its reader. */
  get(key: ObjectKey, range?: ByteRange): Promise<{ head: ObjectHead; body: AsyncIterable<Uint8Array> }> {
    return this.#traced('get', key, () => this.objects.get(key, range));
  }

  head(key: ObjectKey): Promise<ObjectHead | undefined> {
    return this.#traced('head', key, () => this.objects.head(key));
  }

  delete(key: ObjectKey): Promise<void> {
    return this.#traced('delete', key, () => this.objects.delete(key));
  }

  list(prefix: string, limit: number, after?: ObjectKey): Promise<ObjectKey[]> {
    return this.#traced('list', prefix, () => this.objects.list(prefix, limit, after));
  }

  signDownload(key: ObjectKey, expiresMs: number): Promise<string> {
    return this.objects.signDownload(key, expiresMs);
  }

  signUpload(policy: UploadPolicy): Promise<UploadForm> {
    return this.objects.signUpload(policy);
  }

  #traced<T>(operation: string, key: string, run: (span: Span) => Promise<T>): Promise<T> {
    const attributes: Attributes = { 'tessera.object.system': this.system, 'tessera.object.operation': operation, 'tessera.object.key': key };
    return inSpan(`${operation} object`, attributes, run, { kind: 'client' });
  }
}
