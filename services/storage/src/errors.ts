import { conflict, failedPrecondition, internal, invalidArgument, notFound, TesseraError, unavailable } from '@tessera/platform/errors.js';

/** Also for another account's asset: whether it exists is nobody else's business. */
export const unknownAsset = () => notFound('unknown_asset', 'There is no such file.', { param: 'asset_id' });

export const invalidId = (param: string) => invalidArgument('invalid_id', `${param} is 1 to 128 letters, digits, "_" or "-".`, { param });

export const unsupportedContentType = (contentType: string) =>
  invalidArgument('unsupported_content_type', `A job does not deliver ${contentType.slice(0, 64) || 'files of no type'}.`, {
    param: 'content_type',
  });

export const digestMismatch = () =>
  invalidArgument('digest_mismatch', 'The bytes that came are not the ones that were announced; nothing of them is kept.', {
    param: 'sha256',
  });

export const unknownCheckpoint = () =>
  notFound('unknown_checkpoint', 'There is no such checkpoint; it may have been removed.', { param: 'step' });

export const checkpointDamaged = () => internal('checkpoint_damaged', 'The checkpoint is not the one that was stored.', { param: 'step' });

export const repeatedAsset = () =>
  invalidArgument('repeated_asset', 'Two outputs of one call have the same asset_id or index.', { param: 'assets' });

export const tooMany = (param: string, most: number) => invalidArgument('too_many', `${param}: at most ${most} in one call.`, { param });

export const assetIdTaken = () => conflict('asset_id_taken', 'That asset_id belongs to another job.', { param: 'asset_id' });

export const jobEnded = () =>
  failedPrecondition('job_ended', 'The job was deleted or did not succeed; nothing of it is kept.', { param: 'job_id' });

/** Leonardo's words for it. */
export const invalidExtension = () => invalidArgument('invalid_file_extension', 'invalid file extension', { param: 'extension' });

export const notAnUpload = () => invalidArgument('not_an_upload', 'That file was made by a job, not uploaded.', { param: 'asset_id' });

export const notAnOutput = () => invalidArgument('not_painted', 'That picture was uploaded, not made by a job.', { param: 'asset_id' });

export const uploadMissing = () => failedPrecondition('upload_missing', 'Nothing has been uploaded there yet.', { param: 'asset_id' });

/** Why an upload is refused, for good. */
export const uploadRefusals = {
  not_an_image: 'The upload is not a whole PNG, JPEG or WebP picture.',
  image_too_large: 'The picture is too large: at most 25 MiB, 40 megapixels and 16,384 pixels on a side.',
  unreadable_adapter: 'The upload is no adapter that can be used.',
} as const;

export type UploadRefusal = keyof typeof uploadRefusals;

export const uploadRefused = (reason: UploadRefusal, sentence = uploadRefusals[reason] as string) =>
  invalidArgument(reason, sentence, { param: 'asset_id' });

export const beingReplaced = () =>
  unavailable('upload_busy', 'The upload is being replaced at this moment; try again.', { param: 'asset_id', retryAfterMs: 1000 });

export const tooManyInspections = () =>
  unavailable('inspections_busy', 'Too many uploads are being looked at; try again.', { retryAfterMs: 1000 });

/** Whether an asset cannot be used for what it is, as opposed to something being wrong with us. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof TesseraError && (error.kind === 'InvalidArgument' || error.kind === 'FailedPrecondition' || error.kind === 'NotFound');
