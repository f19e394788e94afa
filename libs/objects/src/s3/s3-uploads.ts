import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { Clock } from '@tessera/platform/clock.js';
import { cacheSecondsMax, dispositionOf } from '../object-rules.js';
import type { ObjectHead, ObjectKey } from '../object-store.js';
import { isFolderConflict } from './s3-errors.js';
import type { Source } from './s3-source.js';

/** Up to here an object goes in one request, whole or not at all by itself. */
const singlePutBytesMax = 16 * 1024 * 1024;
/** Of a larger one; ten thousand parts, as many as S3 takes, are 160 GB. */
const partBytes = 16 * 1024 * 1024;
const partsAtOnce = 3;

/** A delete that empties a folder of the server may remove it just before a put into it; losing that race this often in a row means that the folder is a real one. */
const placeAttemptsMax = 8;

/** No upload takes a day: its process is gone. */
const abandonedAfterMs = 24 * 3_600_000;
const abandonedAtOnceMax = 1000;

export class S3Uploads {
  constructor(
    private readonly client: S3Client,
    private readonly bucket: string,
    private readonly clock: Clock,
  ) {}

  async upload(key: ObjectKey, source: Source, contentType: string): Promise<ObjectHead> {
    const { sizeBytes, sha256 } = source;
    const storedMs = this.clock.now();
    const description = {
      Bucket: this.bucket,
      Key: key,
      ContentType: contentType,
      ContentDisposition: dispositionOf(contentType),
      CacheControl: `private, max-age=${cacheSecondsMax}`,
      Metadata: { sha256, 'stored-ms': String(storedMs) },
    } satisfies PutObjectCommandInput;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.send(description, source);
        return { key, contentType, sizeBytes, sha256, storedMs };
      } catch (error) {
        if (!isFolderConflict(error) || attempt >= placeAttemptsMax) throw error;
      }
    }
  }

  private async send(description: PutObjectCommandInput, source: Source): Promise<void> {
    const { sizeBytes, sha256 } = source;
    const body = source.open();
    if (body instanceof Uint8Array && sizeBytes <= singlePutBytesMax) {
      // The server compares: what arrives otherwise than it was sent is not stored.
      await this.client.send(
        new PutObjectCommand({
          ...description,
          Body: body,
          ContentLength: sizeBytes,
          ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
        }),
      );
    } else {
      await new Upload({
        client: this.client,
        params: { ...description, Body: body },
        partSize: partBytes,
        queueSize: partsAtOnce,
        leavePartsOnError: false,
      }).done();
    }
  }

  /** Uploads in parts that a dead process has left: invisible, but they take space. */
  async abortAbandoned(): Promise<void> {
    const { Uploads = [] } = await this.client.send(
      new ListMultipartUploadsCommand({ Bucket: this.bucket, MaxUploads: abandonedAtOnceMax }),
    );
    const oldestMs = this.clock.now() - abandonedAfterMs;
    for (const { Key, UploadId, Initiated } of Uploads) {
      if (Initiated === undefined || Initiated.getTime() > oldestMs) continue;
      await this.client.send(new AbortMultipartUploadCommand({ Bucket: this.bucket, Key, UploadId }));
    }
  }
}
