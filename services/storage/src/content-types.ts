import { unsupportedContentType } from './errors.js';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** As much as one message of PutAssets can carry. */
export const pictureBytesMax = 64 * mebibyte;

/** A report or a log; far more than a person reads. */
export const textBytesMax = 16 * mebibyte;

/** Minutes of film in the best quality. */
export const clipBytesMax = 4 * gibibyte;

/** Weights of a whole model, where an adapter has a few hundred MiB. */
export const weightsBytesMax = 16 * gibibyte;

type ContentType = { readonly extension: string; readonly bytesMax: number };

/** All that a job may deliver. What a browser could run is not among them: links open them in the platform's own name. */
const contentTypes: ReadonlyMap<string, ContentType> = new Map([
  ['image/png', { extension: 'png', bytesMax: pictureBytesMax }],
  ['image/jpeg', { extension: 'jpg', bytesMax: pictureBytesMax }],
  ['image/webp', { extension: 'webp', bytesMax: pictureBytesMax }],
  ['text/plain', { extension: 'txt', bytesMax: textBytesMax }],
  ['application/json', { extension: 'json', bytesMax: textBytesMax }],
  ['video/mp4', { extension: 'mp4', bytesMax: clipBytesMax }],
  ['video/webm', { extension: 'webm', bytesMax: clipBytesMax }],
  ['application/octet-stream', { extension: 'bin', bytesMax: weightsBytesMax }],
]);

export function contentTypeOf(name: string): ContentType {
  const known = contentTypes.get(name);
  if (known === undefined) throw unsupportedContentType(name);
  return known;
}

export const isPicture = (contentType: string): boolean => contentType.startsWith('image/');
