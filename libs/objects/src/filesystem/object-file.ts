import type { FileHandle } from 'node:fs/promises';
import { internal } from '@tessera/platform/errors.js';
import { invalidRange, isRange } from '../object-rules.js';
import type { ByteRange, ObjectHead } from '../object-store.js';

/**
 * One file for each object: its bytes, then a footer of JSON, the JSON's length and a mark. Bytes and description are renamed into place together, so that no crash
 * can part them, and the file still opens in any image viewer, for PNG, JPEG and WebP end where they say they end.
 */
const mark = Buffer.from('TESSOBJ1', 'latin1');
const trailerBytes = 4 + mark.length;

/** Far above what a footer needs: content types end at 127 characters, the rest has fixed sizes. */
const footerBytesMax = 512;

/** Objects up to here are read in one go when they are opened: no file stays open between two reads of a slow consumer. */
const wholeReadBytesMax = 1024 * 1024;

/** Large enough to be quick, small enough that a hundred slow downloads cost little memory. */
const chunkBytes = 256 * 1024;

export type Description = Omit<ObjectHead, 'key'>;

export function footerOf({ contentType, sizeBytes, sha256, storedMs }: Description): Buffer {
  const json = Buffer.from(JSON.stringify({ contentType, sizeBytes, sha256, storedMs }), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([json, length, mark]);
}

function parseFooter(tail: Buffer, fileBytes: number): Description {
  const jsonEnd = tail.length - trailerBytes;
  const jsonBytes = jsonEnd > 0 && tail.subarray(-mark.length).equals(mark) ? tail.readUInt32LE(jsonEnd) : 0;
  if (jsonBytes === 0 || jsonBytes > jsonEnd) throw damaged();
  const description = JSON.parse(tail.toString('utf8', jsonEnd - jsonBytes, jsonEnd)) as Description;
  if (description.sizeBytes + jsonBytes + trailerBytes !== fileBytes) throw damaged();
  return description;
}

const damaged = () => internal('object_damaged', 'A stored file is damaged.');

async function readAt(file: FileHandle, start: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, start + filled);
    if (bytesRead === 0) throw damaged();
    filled += bytesRead;
  }
  return buffer;
}

export async function readDescription(file: FileHandle, fileBytes: number): Promise<Description> {
  const tailBytes = Math.min(fileBytes, footerBytesMax);
  return parseFooter(await readAt(file, fileBytes - tailBytes, tailBytes), fileBytes);
}

/** Takes over the open file: it is closed when the body has been read or given up, or when this throws. */
export async function readObject(
  file: FileHandle,
  fileBytes: number,
  range: ByteRange | undefined,
): Promise<{ description: Description; body: AsyncIterable<Uint8Array> }> {
  let isHandedOver = false;
  try {
    if (fileBytes <= wholeReadBytesMax) {
      const whole = await readAt(file, 0, fileBytes);
      const description = parseFooter(whole.subarray(-footerBytesMax), fileBytes);
      const [start, end] = boundsOf(range, description.sizeBytes);
      return { description, body: single(whole.subarray(start, end)) };
    }
    const description = await readDescription(file, fileBytes);
    const body = new FileBody(file, ...boundsOf(range, description.sizeBytes));
    isHandedOver = true;
    return { description, body };
  } finally {
    if (!isHandedOver) await file.close();
  }
}

/** First byte and the one after the last. */
function boundsOf(range: ByteRange | undefined, sizeBytes: number): [start: number, end: number] {
  if (!range) return [0, sizeBytes];
  const { start, end = sizeBytes - 1 } = range;
  if (!isRange({ start, end }) || start >= sizeBytes) throw invalidRange(String(sizeBytes));
  return [start, Math.min(end + 1, sizeBytes)];
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** A generator would not close the file when it is given up before its first step; this does. Read it to the end or call `return`. */
class FileBody implements AsyncIterableIterator<Uint8Array> {
  private isOpen = true;

  constructor(
    private readonly file: FileHandle,
    private at: number,
    private readonly end: number,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (!this.isOpen || this.at >= this.end) return this.return();
    try {
      const chunk = await readAt(this.file, this.at, Math.min(chunkBytes, this.end - this.at));
      this.at += chunk.length;
      return { done: false, value: chunk };
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    if (this.isOpen) {
      this.isOpen = false;
      await this.file.close();
    }
    return { done: true, value: undefined };
  }
}
