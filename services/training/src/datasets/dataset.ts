import type { Measured } from './checks/measured.js';

/** An account that needs more has forgotten some. */
export const datasetsMax = 1_000;
/** Of one dataset: one for each training, with room. */
export const versionsMax = 100;
/** Refusals of what forms brought that are remembered. */
export const refusedMax = 20;

export type CaptionSource = 'given' | 'file_name' | 'proposed' | 'none';
export type PictureSource = 'upload' | 'form' | 'zip' | 'generation';

export type RefusedPicture = {
  /** Of the form that it came by; else empty. */
  readonly pictureId: string;
  readonly fileName: string;
  readonly reason: string;
  readonly message: string;
};

export type Dataset = {
  readonly accountId: string;
  readonly name: string;
  readonly description: string;
  /** Empty: none. */
  readonly trigger: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  /** With those that are awaited. */
  readonly pictures: number;
  /** The newest first. */
  readonly refused: readonly RefusedPicture[];
};

type Described = {
  readonly datasetId: string;
  readonly accountId: string;
  readonly assetId: string;
  readonly addedMs: number;
  readonly source: PictureSource;
  readonly fileName: string;
  readonly caption: string;
  readonly captionSource: CaptionSource;
  readonly provenance: string;
  readonly licence: string;
  readonly generatedAssetId?: string;
};

/** Its place is kept until then; bytes may have come or not. */
export type AwaitedPicture = Described & { readonly state: 'awaited'; readonly expiresMs: number };

export type ReadyPicture = Described & {
  readonly state: 'ready';
  readonly measured: Measured;
  /** A version names it: its file stays when the picture goes. */
  readonly isFrozen?: boolean;
};

export type Picture = AwaitedPicture | ReadyPicture;

export type Split = 'training' | 'validation';

export type VersionPicture = Omit<ReadyPicture, 'state' | 'isFrozen'> & { readonly pictureId: string; readonly split: Split };

export type Version = {
  readonly datasetId: string;
  readonly accountId: string;
  readonly digest: string;
  readonly seed: number;
  readonly createdMs: number;
  readonly pictures: readonly VersionPicture[];
};
