import { invalidId, invalidExtension, unsupportedContentType, type UploadRefusal } from './errors.js';

type Identity = {
  readonly accountId: string;
  readonly kind: 'generated' | 'uploaded';
  /** Where its bytes lie in the object store. */
  readonly key: string;
  readonly index: number;
  readonly createdMs: number;
  /** Absent for uploads. */
  readonly jobId?: string;
};

export type ReadyAsset = Identity & {
  readonly state: 'ready';
  readonly contentType: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Somebody has marked it as one that is used. */
  readonly isAccepted?: boolean;
};

/** An upload that was not looked at yet; its bytes may be there or not. */
export type AwaitingAsset = Identity & { readonly state: 'awaiting'; readonly awaitingSinceMs: number };

/** An upload that was looked at and is no picture that we take; its bytes are gone. */
export type RefusedAsset = Identity & { readonly state: 'refused'; readonly refusal: UploadRefusal };

export type Asset = ReadyAsset | AwaitingAsset | RefusedAsset;

const extensions: Readonly<Record<string, string>> = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp' };
const uploadTypes: Readonly<Record<string, string>> = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', webp: 'image/webp' };

/** Ids become parts of keys: one that could hold a `/` would reach into another account's folder. */
export const isId = (id: string): boolean => /^[A-Za-z0-9_-]{1,128}$/.test(id);

export function assertId(param: string, id: string): void {
  if (!isId(id)) throw invalidId(param);
}

export const jobPrefix = (accountId: string, jobId: string): string => `accounts/${accountId}/jobs/${jobId}/`;

export function pictureKey(accountId: string, jobId: string, index: number, contentType: string): string {
  const extension = Object.hasOwn(extensions, contentType) ? extensions[contentType] : undefined;
  if (extension === undefined) throw unsupportedContentType(contentType);
  return `${jobPrefix(accountId, jobId)}${index}.${extension}`;
}

export function uploadTarget(accountId: string, assetId: string, extension: string): { key: string; contentType: string } {
  const contentType = Object.hasOwn(uploadTypes, extension) ? uploadTypes[extension] : undefined;
  if (contentType === undefined) throw invalidExtension();
  return { key: `accounts/${accountId}/uploads/${assetId}.${extension}`, contentType };
}

/** What a key says about its object; `undefined` for keys that this service did not make. */
export function ownerOfKey(key: string): { jobId: string } | { uploadId: string } | undefined {
  const match = /^accounts\/[\w-]+\/(?:jobs\/([\w-]+)\/\d+|uploads\/([\w-]+))\.[a-z]+$/.exec(key);
  const [, jobId, uploadId] = match ?? [];
  if (jobId !== undefined) return { jobId };
  return uploadId === undefined ? undefined : { uploadId };
}
