import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createPresignedPost, type PresignedPostOptions } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Clock } from '@tessera/platform/clock.js';
import type { ObjectKey, UploadForm, UploadPolicy } from '../object-store.js';
import { cacheSecondsMax, dispositionOf } from '../object-rules.js';

/** S3 refuses a link with a longer lifetime (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html). */
const linkSecondsMax = 7 * 24 * 3600;

/** Links to one object that are made within this time and end together are the same, so that browsers find what they have loaded. */
const signingRoundingMs = 5 * 60_000;

/** What S3 checks itself: links and forms carry their authority, and no byte of theirs goes through us. */
export class S3Links {
  constructor(
    private readonly client: S3Client,
    private readonly bucket: string,
    private readonly clock: Clock,
  ) {}

  /** A link that has expired is made as well: it is well-formed, and refused when it is opened. */
  download(key: ObjectKey, expiresMs: number): Promise<string> {
    const nowMs = this.clock.now();
    const signedMs = Math.min(Math.floor(nowMs / signingRoundingMs) * signingRoundingMs, Math.floor(expiresMs / 1000) * 1000 - 1000);
    const lifeSeconds = Math.floor((expiresMs - signedMs) / 1000);
    const command = new GetObjectCommand({ Bucket: this.bucket, Key: key });
    return getSignedUrl(this.client, command, { signingDate: new Date(signedMs), expiresIn: Math.min(lifeSeconds, linkSecondsMax) });
  }

  async upload({ key, contentTypePrefix, sizeBytesMax, expiresMs }: UploadPolicy): Promise<UploadForm> {
    const isWholeType = !contentTypePrefix.endsWith('/');
    const conditions: PresignedPostOptions['Conditions'] = [['content-length-range', 0, sizeBytesMax]];
    if (!isWholeType) conditions.push(['starts-with', '$Content-Type', contentTypePrefix]);
    const { url, fields } = await createPresignedPost(this.client, {
      Bucket: this.bucket,
      Key: key,
      Conditions: conditions,
      Fields: {
        // With the type left open it may be one that a browser would run.
        'Content-Disposition': isWholeType ? dispositionOf(contentTypePrefix) : 'attachment',
        'Cache-Control': `private, max-age=${cacheSecondsMax}`,
        ...(isWholeType ? { 'Content-Type': contentTypePrefix } : {}),
      },
      // Counted from the system's own time, by which the SDK signs.
      Expires: Math.floor((expiresMs - Date.now()) / 1000),
    });
    return { url, fields };
  }
}
