import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { invalidArgument, permissionDenied } from '@tessera/platform/errors.js';
import type { Clock } from '@tessera/platform/clock.js';
import { z } from 'zod';
import type { ObjectKey, UploadForm, UploadPolicy } from '../object-store.js';

/** No upload form allows more, whatever its policy asks for: the HTTP routes must know a limit before they have read the policy. */
export const uploadBytesMax = 256 * 1024 * 1024;

/** The shape of an S3 POST policy (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html). */
const policySchema = z.object({
  expiration: z.iso.datetime(),
  conditions: z.tuple([
    z.object({ key: z.string() }),
    z.tuple([z.literal('starts-with'), z.literal('$Content-Type'), z.string()]),
    z.tuple([z.literal('content-length-range'), z.literal(0), z.number().int()]),
  ]),
});

const tampered = () => permissionDenied('invalid_link_signature', 'The signature does not belong to this request.', { param: 'signature' });
const expired = () => permissionDenied('link_expired', 'The link has expired; ask for a new one.', { param: 'expires' });

/** Signs and checks links with HMAC-SHA-256. What is signed begins with the method, so that a download can never pass for an upload. */
export class LinkSigner {
  /** Made once: from bytes, every signature would import its key anew. */
  private readonly key: KeyObject;

  constructor(
    secret: Buffer,
    private readonly publicUrl: () => string,
    private readonly clock: Clock,
  ) {
    this.key = createSecretKey(secret);
  }

  download(key: ObjectKey, expiresMs: number): string {
    return `${this.base()}/objects/${key}?expires=${expiresMs}&signature=${this.sign(`GET\n${key}\n${expiresMs}`)}`;
  }

  checkDownload(key: ObjectKey, expires: string | undefined, signature: string | undefined): { expiresMs: number } {
    this.checkSignature(`GET\n${key}\n${expires}`, signature);
    const expiresMs = Number(expires);
    if (!(expiresMs > this.clock.now())) throw expired();
    return { expiresMs };
  }

  upload(policy: UploadPolicy): UploadForm {
    if (policy.sizeBytesMax > uploadBytesMax)
      throw invalidArgument('invalid_size_limit', `An upload form allows at most ${uploadBytesMax} bytes.`, { param: 'sizeBytesMax' });
    const document = {
      expiration: new Date(policy.expiresMs).toISOString(),
      conditions: [
        { key: policy.key },
        ['starts-with', '$Content-Type', policy.contentTypePrefix],
        ['content-length-range', 0, policy.sizeBytesMax],
      ],
    } satisfies z.input<typeof policySchema>;
    const encoded = Buffer.from(JSON.stringify(document)).toString('base64');
    // Many clients send the file's part without a type. A complete type in the policy leaves no choice anyway, so it travels as a field, as with S3.
    const contentType: Record<string, string> = policy.contentTypePrefix.endsWith('/') ? {} : { 'Content-Type': policy.contentTypePrefix };
    return {
      url: `${this.base()}/objects`,
      fields: { key: policy.key, ...contentType, policy: encoded, signature: this.sign(`POST\n${encoded}`) },
    };
  }

  checkUpload(fields: ReadonlyMap<string, string>): UploadPolicy {
    const encoded = fields.get('policy') ?? '';
    this.checkSignature(`POST\n${encoded}`, fields.get('signature'));
    const { expiration, conditions } = policySchema.parse(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')));
    const [{ key }, [, , contentTypePrefix], [, , sizeBytesMax]] = conditions;
    const expiresMs = Date.parse(expiration);
    if (fields.get('key') !== key) throw tampered();
    if (!(expiresMs > this.clock.now())) throw expired();
    return { key, contentTypePrefix, sizeBytesMax, expiresMs };
  }

  private base(): string {
    return this.publicUrl().replace(/\/+$/, '');
  }

  private sign(text: string): string {
    return createHmac('sha256', this.key).update(text).digest('base64url');
  }

  private checkSignature(text: string, signature: string | undefined): void {
    const expected = Buffer.from(this.sign(text));
    const given = Buffer.from(signature ?? '');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw tampered();
  }
}
