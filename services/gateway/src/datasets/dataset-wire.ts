import {
  CaptionSource,
  PictureSource,
  Split,
  type AddPicturesResponse,
  type CreatePictureUploadResponse,
  type Dataset,
  type GetDatasetResponse,
  type GetVersionResponse,
  type Picture,
  type RefusedPicture,
  type Version,
} from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import { timeOf } from '../http/tessera-wire.js';

/** Leonardo's five operations in their shape, with ours under `tessera`, and our own resources. */

const sources = {
  [PictureSource.UNSPECIFIED]: 'upload',
  [PictureSource.UPLOAD]: 'upload',
  [PictureSource.FORM]: 'form',
  [PictureSource.ZIP]: 'zip',
  [PictureSource.GENERATION]: 'generation',
} as const satisfies Record<PictureSource, string>;

const captionSources = {
  [CaptionSource.UNSPECIFIED]: 'none',
  [CaptionSource.GIVEN]: 'given',
  [CaptionSource.FILE_NAME]: 'file_name',
  [CaptionSource.PROPOSED]: 'proposed',
} as const satisfies Record<CaptionSource, string>;

export const datasetWire = (dataset: Dataset) => ({
  id: dataset.datasetId,
  name: dataset.name,
  description: dataset.description,
  trigger: dataset.trigger,
  pictures: dataset.pictures,
  picturesMax: dataset.picturesMax,
  createdAt: timeOf(dataset.createdMs),
  updatedAt: timeOf(dataset.updatedMs),
});

const aboutWire = (picture: Picture) => ({
  caption: picture.caption,
  captionSource: captionSources[picture.captionSource],
  source: sources[picture.source],
  ...(picture.generatedAssetId ? { generatedImageId: picture.generatedAssetId } : {}),
  fileName: picture.fileName,
  provenance: picture.provenance,
  licence: picture.licence,
  contentType: picture.contentType,
  width: picture.widthPx,
  height: picture.heightPx,
  sizeBytes: Number(picture.sizeBytes),
  sha256: picture.sha256,
  perceptualHash: picture.perceptualHash,
});

export const datasetImageWire = (picture: Picture) => ({
  id: picture.pictureId,
  createdAt: timeOf(picture.addedMs),
  tessera: aboutWire(picture),
});

const refusedWire = ({ pictureId, fileName, reason, message }: RefusedPicture) => ({
  ...(pictureId ? { id: pictureId } : {}),
  fileName,
  type: reason,
  error: message,
});

/** Leonardo's clients want an address for every picture: one that has lost its file is named by its warning only. */
export function shownDatasetWire(dataset: Dataset, { pictures, warnings, refused, awaited }: GetDatasetResponse) {
  const wire = datasetWire(dataset);
  const { id, name, description, createdAt, updatedAt } = wire;
  return {
    id,
    name,
    description,
    createdAt,
    updatedAt,
    dataset_images: pictures.filter(({ url }) => url !== '').map((picture) => ({ url: picture.url, ...datasetImageWire(picture) })),
    tessera: {
      ...wire,
      awaited,
      warnings: warnings.map(({ code, pictureIds, message, remedy }) => ({ code, imageIds: pictureIds, message, remedy })),
      refused: refused.map(refusedWire),
    },
  };
}

/** `fields` is JSON inside a string: that is what the SDKs parse. */
export const datasetFormWire = ({ pictureId, key, url, fields, expiresMs }: CreatePictureUploadResponse) => ({
  id: pictureId,
  key,
  url,
  fields: JSON.stringify(fields),
  tessera: { expiresAt: timeOf(expiresMs) },
});

export const addedWire = ({ pictures, refused }: AddPicturesResponse) => ({
  uploadDatasetImage: pictures[0] && pictures.length === 1 ? { id: pictures[0].pictureId } : {},
  tessera: { images: pictures.map(datasetImageWire), refused: refused.map(refusedWire) },
});

export const fromGenerationWire = (picture: Picture) => ({ id: picture.pictureId, tessera: aboutWire(picture) });

export const versionWire = ({ digest, seed, trainingPictures, validationPictures, createdMs }: Version) => ({
  digest,
  seed,
  trainingPictures,
  validationPictures,
  createdAt: timeOf(createdMs),
});

export const shownVersionWire = (version: Version, pictures: GetVersionResponse['pictures']) => ({
  ...versionWire(version),
  images: pictures.flatMap(({ picture, split }) =>
    picture ? [{ ...datasetImageWire(picture), split: split === Split.VALIDATION ? 'validation' : 'training' }] : [],
  ),
});
