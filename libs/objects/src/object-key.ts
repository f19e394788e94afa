import { invalidArgument } from '@tessera/platform/errors.js';

const keyCharsMax = 512;

/** File systems end at 255 bytes for a name. */
const partCharsMax = 200;

const isPart = (part: string): boolean => part.length <= partCharsMax && part !== '.' && part !== '..';

/** Throws unless `key` is one: nothing else ever becomes part of a path. */
export function assertObjectKey(key: string): void {
  const isKey =
    key.length > 0 &&
    key.length <= keyCharsMax &&
    /^[A-Za-z0-9._/-]+$/.test(key) &&
    key.split('/').every((part) => part !== '' && isPart(part));
  if (!isKey) throw invalidArgument('invalid_object_key', 'That is not a key of an object.', { param: 'key' });
}

/** A prefix is the beginning of a key: it may be empty, and end with `/` or in the middle of a part. */
export function assertKeyPrefix(prefix: string): void {
  const parts = prefix.split('/');
  const isPrefix =
    prefix.length <= keyCharsMax &&
    /^[A-Za-z0-9._/-]*$/.test(prefix) &&
    parts.every((part, at) => isPart(part) && (part !== '' || at === parts.length - 1));
  if (!isPrefix) throw invalidArgument('invalid_object_key', 'That is not the beginning of a key.', { param: 'prefix' });
}

const contentTypeCharsMax = 127;

/** Throws unless it is `type/subtype`, perhaps with parameters: it goes into a header as it is. */
export function assertContentType(contentType: string): void {
  const isType = contentType.length <= contentTypeCharsMax && /^[\w.+-]+\/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*$/.test(contentType);
  if (!isType) throw invalidArgument('invalid_content_type', 'That is not a content type.', { param: 'contentType' });
}
