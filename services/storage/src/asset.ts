import { contentTypeOf } from './content-types.js';
import type { AdapterFile } from './inspect-adapter.js';
import { invalidId, invalidExtension, type UploadRefusal } from './errors.js';

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
  /** 0 for what is no picture and no clip. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Somebody has marked it as one that is used. */
  readonly isAccepted?: boolean;
  /** Of an upload that is a LoRA file. */
  readonly adapter?: AdapterFile;
};

/** An upload that was not looked at yet; its bytes may be there or not. */
export type AwaitingAsset = Identity & { readonly state: 'awaiting'; readonly awaitingSinceMs: number };

/** An upload that was looked at and is nothing that we take; its bytes are gone. */
export type RefusedAsset = Identity & {
  readonly state: 'refused';
  readonly refusal: UploadRefusal;
  /** Where there is more to say than the refusal's own sentence. */
  readonly sentence?: string;
};

export type Asset = ReadyAsset | AwaitingAsset | RefusedAsset;

const uploadTypes: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  safetensors: 'application/octet-stream',
};

/** Of an upload: what it is to be looked at as. */
export const isAdapterKey = (key: string): boolean => key.endsWith('.safetensors');

/** Ids become parts of keys: one that could hold a `/` would reach into another account's folder. */
export const isId = (id: string): boolean => /^[A-Za-z0-9_-]{1,128}$/.test(id);

export function assertId(param: string, id: string): void {
  if (!isId(id)) throw invalidId(param);
}

export const jobPrefix = (accountId: string, jobId: string): string => `accounts/${accountId}/jobs/${jobId}/`;

export const outputKey = (accountId: string, jobId: string, index: number, contentType: string): string =>
  `${jobPrefix(accountId, jobId)}${index}.${contentTypeOf(contentType).extension}`;

export const checkpointPrefix = (accountId: string, jobId: string): string => `${jobPrefix(accountId, jobId)}checkpoints/`;

export const checkpointKey = (accountId: string, jobId: string, step: number): string => `${checkpointPrefix(accountId, jobId)}${step}`;

export const stepOfKey = (key: string): number => Number(key.slice(key.lastIndexOf('/') + 1));

export function uploadTarget(accountId: string, assetId: string, extension: string): { key: string; contentType: string } {
  const contentType = Object.hasOwn(uploadTypes, extension) ? uploadTypes[extension] : undefined;
  if (contentType === undefined) throw invalidExtension();
  return { key: `accounts/${accountId}/uploads/${assetId}.${extension}`, contentType };
}

/** What a key says about its object; `undefined` for keys that this service did not make. */
export function ownerOfKey(key: string): KeyOwner | undefined {
  const match = /^accounts\/([\w-]+)\/(?:jobs\/([\w-]+)\/(?:\d+\.[a-z0-9]+|(checkpoints\/\d+))|uploads\/([\w-]+)\.[a-z]+)$/.exec(key);
  if (match === null) return undefined;
  const [, accountId = '', jobId, checkpoint, uploadId = ''] = match;
  if (jobId === undefined) return { kind: 'upload', uploadId };
  return checkpoint === undefined ? { kind: 'output', jobId } : { kind: 'checkpoint', accountId, jobId };
}

export type KeyOwner =
  | { readonly kind: 'upload'; readonly uploadId: string }
  | { readonly kind: 'output'; readonly jobId: string }
  | { readonly kind: 'checkpoint'; readonly accountId: string; readonly jobId: string };
