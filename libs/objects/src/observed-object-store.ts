import { counter, distribution, latencyBuckets } from '@tessera/platform/telemetry/metrics.js';
import { inSpan, type Attributes, type Span } from '@tessera/platform/telemetry/span.js';
import { ObjectStore, type ByteRange, type ObjectHead, type ObjectKey, type UploadForm, type UploadPolicy } from './object-store.js';

type Operation = 'put' | 'get' | 'head' | 'delete' | 'list';

const duration = distribution({
  name: 'tessera_object_operation_duration_seconds',
  help: 'Time of an operation on the object store; for a get, until its body can be read.',
  labelNames: ['operation', 'outcome'],
  buckets: latencyBuckets,
});
const bytes = counter({
  name: 'tessera_object_bytes_total',
  help: 'Bytes of the objects that were stored (`put`) and opened (`get`).',
  labelNames: ['operation'],
});

/** Wraps the object store of a process: operations are measured and, where spans are recorded, spans. */
export class ObservedObjectStore extends ObjectStore {
  /** `system`: the kind of store. */
  constructor(
    private readonly objects: ObjectStore,
    private readonly system: 'filesystem' | 's3',
  ) {
    super();
  }

  put(
    key: ObjectKey,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: { contentType: string; sizeBytesMax?: number },
  ): Promise<ObjectHead> {
    return this.#observed('put', key, async (span) => {
      const head = await this.objects.put(key, body, options);
      span.set({ 'tessera.object.size_bytes': head.sizeBytes });
      bytes.inc({ operation: 'put' }, head.sizeBytes);
      return head;
    });
  }

  /** Until the body can be read; reading it takes as long as its reader. */
  get(key: ObjectKey, range?: ByteRange): Promise<{ head: ObjectHead; body: AsyncIterable<Uint8Array> }> {
    return this.#observed('get', key, async () => {
      const opened = await this.objects.get(key, range);
      bytes.inc({ operation: 'get' }, opened.head.sizeBytes);
      return opened;
    });
  }

  head(key: ObjectKey): Promise<ObjectHead | undefined> {
    return this.#observed('head', key, () => this.objects.head(key));
  }

  delete(key: ObjectKey): Promise<void> {
    return this.#observed('delete', key, () => this.objects.delete(key));
  }

  list(prefix: string, limit: number, after?: ObjectKey): Promise<ObjectKey[]> {
    return this.#observed('list', prefix, () => this.objects.list(prefix, limit, after));
  }

  signDownload(key: ObjectKey, expiresMs: number): Promise<string> {
    return this.objects.signDownload(key, expiresMs);
  }

  signUpload(policy: UploadPolicy): Promise<UploadForm> {
    return this.objects.signUpload(policy);
  }

  async #observed<T>(operation: Operation, key: string, run: (span: Span) => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const attributes: Attributes = {
      'tessera.object.system': this.system,
      'tessera.object.operation': operation,
      'tessera.object.key': key,
    };
    let outcome = 'failed';
    try {
      const done = await inSpan(`${operation} object`, attributes, run, { kind: 'client' });
      outcome = 'ok';
      return done;
    } finally {
      duration.observe((performance.now() - startedMs) / 1_000, { operation, outcome });
    }
  }
}
