/**
 * `/`-separated, no empty, `.` or `..` parts, parts of at most 200 characters, at most 512 characters of [A-Za-z0-9._/-]; anything else is InvalidArgument
 * `invalid_object_key`. No key is the folder of another one (`a` and `a/b`): a folder on a disk cannot hold both.
 */
export type ObjectKey = string;

export type ObjectHead = {
  readonly key: ObjectKey;
  readonly contentType: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly storedMs: number;
};

export type ByteRange = { readonly start: number; /** Inclusive. */ readonly end?: number };

export type UploadPolicy = {
  readonly key: ObjectKey;
  /** Content type that the uploaded file must declare; `image/` accepts any image type. */
  readonly contentTypePrefix: string;
  readonly sizeBytesMax: number;
  readonly expiresMs: number;
};

/**
 * Where and how to send a file as multipart/form-data: every field, then the bytes as `file`, last (as an S3 POST policy). Where the policy leaves the type open, a field
 * `Content-Type` of the sender's own comes before the file.
 */
export type UploadForm = { readonly url: string; readonly fields: Readonly<Record<string, string>> };

/** Files. A put is all or nothing: a reader sees the old object or the new one, also after a crash. */
export abstract class ObjectStore {
  /** InvalidArgument `object_too_large` beyond `sizeBytesMax`, and then nothing is kept; ResourceExhausted `storage_full`. */
  abstract put(
    key: ObjectKey,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: { contentType: string; sizeBytesMax?: number },
  ): Promise<ObjectHead>;
  /** NotFound `unknown_object`; InvalidArgument `invalid_range`. Read the body to its end, or call its `return`: it may hold a file open. */
  abstract get(key: ObjectKey, range?: ByteRange): Promise<{ head: ObjectHead; body: AsyncIterable<Uint8Array> }>;
  abstract head(key: ObjectKey): Promise<ObjectHead | undefined>;
  /** Deleting what is not there is fine. */
  abstract delete(key: ObjectKey): Promise<void>;
  /** In key order, at most `limit` (1..1000) after `after`. */
  abstract list(prefix: string, limit: number, after?: ObjectKey): Promise<ObjectKey[]>;
  /** A link that opens the object without a key until it expires. */
  abstract signDownload(key: ObjectKey, expiresMs: number): Promise<string>;
  abstract signUpload(policy: UploadPolicy): Promise<UploadForm>;
}
