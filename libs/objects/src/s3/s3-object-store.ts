import type { Readable } from 'node:stream';
import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
  type GetObjectCommandOutput,
  type HeadObjectCommandOutput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import type { Clock } from '@tessera/platform/clock.js';
import type { S3Settings } from '@tessera/platform/config.js';
import { internal } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { assertContentType, assertKeyPrefix, assertObjectKey } from '../object-key.js';
import { assertListLimit, invalidRange, isRange, unknownObject } from '../object-rules.js';
import { ObjectStore, type ByteRange, type ObjectHead, type ObjectKey, type UploadForm, type UploadPolicy } from '../object-store.js';
import { S3Body } from './s3-body.js';
import { startFailure, statusOf, translated } from './s3-errors.js';
import { S3Links } from './s3-links.js';
import { collect } from './s3-source.js';
import { S3Uploads } from './s3-uploads.js';

const connectWithinMs = 3_000;
/** Until the answer begins, once a part has been sent over a slow line, or between two pieces of a body. */
const answerWithinMs = 30_000;
/** The same for a question without a body: the SDK asks three times before a silent server is `Unavailable`, and a request in flight waits for it. */
const shortly = { requestTimeout: 5_000 } as const;
/** More would be more downloads and uploads at once than one process can serve. */
const socketsMax = 128;

/** Objects that came by a form have no digest in their description; those that were computed last are remembered. */
const digestsMax = 10_000;

/** A get that meets an object being replaced starts anew; so often in a row means something else is wrong. */
const readAttemptsMax = 8;

type Answer = Pick<
  GetObjectCommandOutput & HeadObjectCommandOutput,
  'ContentType' | 'ContentLength' | 'ETag' | 'LastModified' | 'Metadata'
> & { readonly ContentRange?: string | undefined };

/** Objects in one bucket of an S3 server. Our digest and time lie in the object's own metadata, so that nothing can part them from the bytes. */
export class S3ObjectStore extends ObjectStore {
  private readonly links: S3Links;
  private readonly uploads: S3Uploads;
  /** By key and ETag, the oldest first. */
  private readonly digests = new Map<string, string>();

  private constructor(
    private readonly client: S3Client,
    private readonly publicClient: S3Client,
    private readonly bucket: string,
    private readonly clock: Clock,
  ) {
    super();
    this.links = new S3Links(publicClient, bucket, clock);
    this.uploads = new S3Uploads(client, bucket, clock);
  }

  /** Throws a sentence that says what to do when the server, the bucket or the credentials are not right. Uploads that dead processes left unfinished are removed. */
  static async open(settings: S3Settings, clock: Clock, logger: Logger): Promise<S3ObjectStore> {
    const client = clientFor(settings, settings.endpoint, credentialsOf(settings));
    // One source of credentials for both: a role is asked once, and a link carries the same session as a request.
    const publicClient =
      settings.publicEndpoint === undefined ? client : clientFor(settings, settings.publicEndpoint, client.config.credentials);
    const store = new S3ObjectStore(client, publicClient, settings.bucket, clock);
    try {
      await store.client.send(new ListObjectsV2Command({ Bucket: settings.bucket, MaxKeys: 1 }), shortly);
    } catch (error) {
      await store.close();
      throw startFailure(error, settings);
    }
    await store.uploads
      .abortAbandoned()
      .catch((error: unknown) =>
        logger.warn(
          { cause: String(error) },
          'unfinished uploads in the bucket could not be looked for; a lifecycle rule of the bucket may remove them instead',
        ),
      );
    return store;
  }

  async put(
    key: ObjectKey,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    { contentType, sizeBytesMax = Infinity }: { contentType: string; sizeBytesMax?: number },
  ): Promise<ObjectHead> {
    assertObjectKey(key);
    assertContentType(contentType);
    const source = await collect(body, sizeBytesMax);
    try {
      return await this.uploads.upload(key, source, contentType);
    } catch (error) {
      throw translated(error);
    } finally {
      await source.close();
    }
  }

  async get(key: ObjectKey, range?: ByteRange): Promise<{ head: ObjectHead; body: AsyncIterable<Uint8Array> }> {
    assertObjectKey(key);
    if (range && !isRange(range)) throw await this.rangeRefusal(key);
    for (let attempt = 1; ; attempt++) {
      const answer = await this.read(key, range);
      if (answer === undefined) throw unknownObject();
      const body = new S3Body(answer.Body as Readable);
      const sha256 = this.knownDigest(key, answer);
      if (sha256 !== undefined) return { head: headOf(key, answer, sha256), body };
      // The connection is not held while the digest is computed: many who do so would take all of them and wait for each other.
      await body.return();
      await this.computeDigest(key, answer);
      if (attempt >= readAttemptsMax) throw internal('object_unsettled', 'The object keeps changing while it is read.');
    }
  }

  async head(key: ObjectKey): Promise<ObjectHead | undefined> {
    assertObjectKey(key);
    for (let attempt = 1; ; attempt++) {
      const answer = await this.attempt(() => this.client.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key }), shortly), 404);
      if (answer === undefined) return undefined;
      const sha256 = this.knownDigest(key, answer);
      if (sha256 !== undefined) return headOf(key, answer, sha256);
      await this.computeDigest(key, answer);
      if (attempt >= readAttemptsMax) throw internal('object_unsettled', 'The object keeps changing while it is read.');
    }
  }

  async delete(key: ObjectKey): Promise<void> {
    assertObjectKey(key);
    await this.attempt(() => this.client.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }), shortly), 404);
  }

  async list(prefix: string, limit: number, after?: ObjectKey): Promise<ObjectKey[]> {
    assertKeyPrefix(prefix);
    assertListLimit(limit);
    const keys: ObjectKey[] = [];
    let from: { StartAfter?: string; ContinuationToken?: string } = after === undefined || after === '' ? {} : { StartAfter: after };
    while (keys.length < limit) {
      const page = await this.attempt(() =>
        this.client.send(new ListObjectsV2Command({ Bucket: this.bucket, Prefix: prefix, MaxKeys: limit - keys.length, ...from }), shortly),
      );
      keys.push(...(page?.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key])));
      if (!page?.IsTruncated || page.NextContinuationToken === undefined) break;
      from = { ContinuationToken: page.NextContinuationToken };
    }
    return keys;
  }

  async signDownload(key: ObjectKey, expiresMs: number): Promise<string> {
    assertObjectKey(key);
    return this.links.download(key, expiresMs);
  }

  async signUpload(policy: UploadPolicy): Promise<UploadForm> {
    assertObjectKey(policy.key);
    return this.links.upload(policy);
  }

  async close(): Promise<void> {
    this.client.destroy();
    this.publicClient.destroy();
  }

  private async read(key: ObjectKey, range: ByteRange | undefined): Promise<GetObjectCommandOutput | undefined> {
    const header = range && { Range: `bytes=${range.start}-${range.end ?? ''}` };
    try {
      return await this.attempt(() => this.client.send(new GetObjectCommand({ Bucket: this.bucket, Key: key, ...header }), shortly), 404);
    } catch (error) {
      if (statusOf(error) === 416) throw await this.rangeRefusal(key);
      throw error;
    }
  }

  /** A range that cannot be is a wrong question only about an object that is there. */
  private async rangeRefusal(key: ObjectKey): Promise<Error> {
    const head = await this.attempt(() => this.client.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key }), shortly), 404);
    return head === undefined ? unknownObject() : invalidRange(String(head.ContentLength ?? 0));
  }

  /** Answers `undefined` for the one status that is an answer, too. */
  private async attempt<Result>(request: () => Promise<Result>, absentStatus?: number): Promise<Result | undefined> {
    try {
      return await request();
    } catch (error) {
      // A missing bucket is a 404 as well, and no answer about an object.
      const isAbsent = absentStatus !== undefined && statusOf(error) === absentStatus && (error as Error).name !== 'NoSuchBucket';
      if (isAbsent) return undefined;
      throw translated(error);
    }
  }

  private knownDigest(key: ObjectKey, { Metadata, ETag }: Answer): string | undefined {
    return Metadata?.['sha256'] ?? this.digests.get(`${key} ${ETag}`);
  }

  /** Reads an object once for its digest; one that has been replaced meanwhile is left to the next attempt. */
  private async computeDigest(key: ObjectKey, { ETag }: Answer): Promise<void> {
    const answer = await this.attempt(
      () => this.client.send(new GetObjectCommand({ Bucket: this.bucket, Key: key, IfMatch: ETag }), shortly),
      412,
    );
    if (answer === undefined) return;
    const sha256 = createHash('sha256');
    for await (const chunk of new S3Body(answer.Body as Readable)) sha256.update(chunk);
    this.digests.set(`${key} ${ETag}`, sha256.digest('hex'));
    const [oldest] = this.digests.keys();
    if (this.digests.size > digestsMax && oldest !== undefined) this.digests.delete(oldest);
  }
}

function headOf(key: ObjectKey, answer: Answer, sha256: string): ObjectHead {
  const whole = answer.ContentRange?.split('/')[1];
  return {
    key,
    contentType: answer.ContentType ?? 'application/octet-stream',
    sizeBytes: Number(whole ?? answer.ContentLength ?? 0),
    sha256,
    storedMs: Number(answer.Metadata?.['stored-ms'] ?? answer.LastModified?.getTime() ?? 0),
  };
}

/** Path style: the bucket's name in the host's would need a DNS entry for each bucket, which servers other than Amazon's seldom have. */
function clientFor({ region }: S3Settings, endpoint: string | undefined, credentials: S3ClientConfig['credentials']): S3Client {
  return new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
    requestHandler: {
      connectionTimeout: connectWithinMs,
      requestTimeout: answerWithinMs,
      throwOnRequestTimeout: true,
      socketTimeout: answerWithinMs,
      httpAgent: { maxSockets: socketsMax },
      httpsAgent: { maxSockets: socketsMax },
    },
  });
}

/** Undefined: the SDK looks for those of a role, and renews them before they end. */
const credentialsOf = ({ accessKeyId, secretAccessKey }: S3Settings): S3ClientConfig['credentials'] =>
  accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey };
