import { invalidArgument, notFound } from '@tessera/platform/errors.js';
import type { ByteRange } from './object-store.js';

/** What every adapter refuses, and in which words. */
const listLimitMax = 1000;

export function assertListLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > listLimitMax)
    throw invalidArgument('invalid_limit', `A limit is 1 to ${listLimitMax}.`, { param: 'limit' });
}

export const tooLarge = (sizeBytesMax: number) =>
  invalidArgument('object_too_large', `The file is larger than the ${sizeBytesMax} bytes that are allowed.`, { param: 'file' });

export const folderOfAnotherKey = (cause: unknown) =>
  invalidArgument('invalid_object_key', 'A key cannot be the folder of another key.', { param: 'key', cause });

export const unknownObject = () => notFound('unknown_object', 'There is no such object.', { param: 'key' });

export const invalidRange = (size: string) =>
  invalidArgument('invalid_range', `The object has ${size} bytes; that range is not among them.`, { param: 'range' });

/** Whether it could lie within some object. */
export const isRange = ({ start, end = start }: ByteRange): boolean =>
  Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && end >= start;

/** Formats that a browser only ever shows as a picture. Anything else, SVG with its scripts among it, is offered as a download. */
const inlineTypes: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif']);

export const dispositionOf = (contentType: string): 'inline' | 'attachment' => (inlineTypes.has(contentType) ? 'inline' : 'attachment');

/** Long enough that a gallery does not load its pictures twice; the object under a key may still be replaced. */
export const cacheSecondsMax = 3600;
