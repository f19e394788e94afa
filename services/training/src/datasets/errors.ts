import {
  deadlineExceeded,
  failedPrecondition,
  invalidArgument,
  notFound,
  permissionDenied,
  unavailable,
} from '@tessera/platform/errors.js';

/** Also for another account's: whether it exists is nobody else's business. */
export const unknownDataset = () => notFound('unknown_dataset', 'There is no such dataset.', { param: 'dataset_id' });

export const unknownPicture = () => notFound('unknown_dataset_picture', 'The dataset has no such picture.', { param: 'picture_id' });

export const unknownVersion = () => notFound('unknown_dataset_version', 'The dataset has no such version.', { param: 'digest' });

export const unknownGeneratedPicture = () => notFound('unknown_asset', 'There is no such generated picture.', { param: 'asset_id' });

/** Leonardo's words for it. */
export const invalidExtension = () => invalidArgument('invalid_file_extension', 'invalid file extension', { param: 'extension' });

export const pictureMissing = () =>
  failedPrecondition('upload_missing', 'Nothing has come by the form of this picture yet.', { param: 'picture_id' });

export const notAPicture = (cause?: unknown) =>
  invalidArgument('not_an_image', 'The file is not a whole PNG, JPEG or WebP picture.', { param: 'file', cause });

export const pictureTooLarge = () =>
  invalidArgument('image_too_large', 'The picture is too large: at most 25 MiB, 40 megapixels and 16,384 pixels on a side.', {
    param: 'file',
  });

export const tooManyDatasets = (max: number) =>
  failedPrecondition('too_many_datasets', `An account has at most ${max} datasets; delete one first.`);

export const tooManyVersions = (max: number) => failedPrecondition('too_many_versions', `A dataset has at most ${max} versions.`);

export const noUsablePictures = () =>
  failedPrecondition('no_usable_pictures', 'The dataset has no picture that can be learnt from.', { param: 'dataset_id' });

export const pictureOptedOut = () =>
  permissionDenied('picture_opted_out', 'The author of this picture wants no training with it: it is on the opt-out list of this server.', {
    param: 'file',
  });

export const captionTooLong = (max: number) =>
  invalidArgument('caption_too_long', `A caption has at most ${max.toLocaleString('en')} characters.`, { param: 'caption' });

export const invalidText = (param: string, min: number, max: number) =>
  invalidArgument('invalid_field', `"${param}" has ${min === 0 ? 'at most' : `${min} to`} ${max.toLocaleString('en')} characters.`, {
    param,
  });

export const invalidPageSize = (max: number) =>
  invalidArgument('invalid_limit', `A page has 1 to ${max} datasets.`, { param: 'page_size' });

export const zipTooLarge = (maxMebibytes: number) =>
  invalidArgument('zip_too_large', `A zip has at most ${maxMebibytes} MiB; send several.`, { param: 'file' });

export const zipTooSlow = () =>
  deadlineExceeded('request_timeout', 'The zip did not arrive in time; send it again, or in several parts.', { param: 'file' });

export const tooManyInspections = () =>
  unavailable('inspections_busy', 'Too many pictures are being looked at; try again.', { retryAfterMs: 1_000 });
