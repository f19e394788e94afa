import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  CaptionSource,
  PictureSource,
  Split,
  type DatasetSchema,
  type PictureSchema,
  type VersionSchema,
} from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import type {
  CaptionSource as StoredCaptionSource,
  PictureSource as StoredSource,
  ReadyPicture,
  Split as StoredSplit,
  Version,
} from './dataset.js';
import type { KnownDataset } from './datasets.js';

/** Stored shapes in the words of the contract. */

const sources = {
  upload: PictureSource.UPLOAD,
  form: PictureSource.FORM,
  zip: PictureSource.ZIP,
  generation: PictureSource.GENERATION,
} as const satisfies Record<StoredSource, PictureSource>;

const captionSources = {
  given: CaptionSource.GIVEN,
  file_name: CaptionSource.FILE_NAME,
  proposed: CaptionSource.PROPOSED,
  none: CaptionSource.UNSPECIFIED,
} as const satisfies Record<StoredCaptionSource, CaptionSource>;

const splits = { training: Split.TRAINING, validation: Split.VALIDATION } as const satisfies Record<StoredSplit, Split>;

export const datasetMessage = ({
  datasetId,
  accountId,
  name,
  description,
  trigger,
  createdMs,
  updatedMs,
  pictures,
  picturesMax,
}: KnownDataset): MessageInitShape<typeof DatasetSchema> => ({
  datasetId,
  accountId,
  name,
  description,
  trigger,
  createdMs: BigInt(createdMs),
  updatedMs: BigInt(updatedMs),
  pictures,
  picturesMax,
});

type Described = Omit<ReadyPicture, 'state' | 'isFrozen'> & { readonly pictureId: string; readonly url?: string };

export const pictureMessage = ({
  pictureId,
  assetId,
  url = '',
  measured,
  caption,
  captionSource,
  source,
  generatedAssetId = '',
  fileName,
  provenance,
  licence,
  addedMs,
}: Described): MessageInitShape<typeof PictureSchema> => ({
  pictureId,
  assetId,
  url,
  contentType: `image/${measured.format}`,
  widthPx: measured.widthPx,
  heightPx: measured.heightPx,
  sizeBytes: BigInt(measured.sizeBytes),
  sha256: measured.sha256,
  perceptualHash: measured.perceptualHash,
  caption,
  captionSource: captionSources[captionSource],
  source: sources[source],
  generatedAssetId,
  fileName,
  provenance,
  licence,
  addedMs: BigInt(addedMs),
});

export const versionMessage = ({ digest, datasetId, seed, createdMs, pictures }: Version): MessageInitShape<typeof VersionSchema> => ({
  digest,
  datasetId,
  seed,
  createdMs: BigInt(createdMs),
  trainingPictures: pictures.filter(({ split }) => split === 'training').length,
  validationPictures: pictures.filter(({ split }) => split === 'validation').length,
});

export const versionAnswer = (version: Version) => ({
  version: versionMessage(version),
  pictures: version.pictures.map(({ split, ...picture }) => ({ picture: pictureMessage(picture), split: splits[split] })),
});
