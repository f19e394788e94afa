import { crc32, inflateRaw } from 'node:zlib';
import { promisify } from 'node:util';
import { invalidArgument } from '@tessera/platform/errors.js';

/** Where the bytes of an archive lie; asking beyond the end gives what is there. */
export type ZipSource = { readonly sizeBytes: number; read(at: number, length: number): Promise<Buffer> };

export type ZipEntry = {
  /** With its folders, as the archive has it: a text to show, never a place to write to. */
  readonly name: string;
  readonly method: 'stored' | 'deflated';
  readonly packedBytes: number;
  readonly bytes: number;
  readonly crc32: number;
  /** Of its local header. */
  readonly at: number;
};

/** Folders and leftovers included; a dataset has a picture and a caption for each of at most 1,000. */
const entriesMax = 5_000;
/** A list of so many files, with names of any usual length. It is read as a whole. */
const directoryBytesMax = 4 * 1024 * 1024;
/** All of it unpacked. A thousand photographs have a fraction of it. */
const unpackedBytesMax = 8 * 1024 * 1024 * 1024;
/** Deflate reaches 1,032 on zeros; pictures are packed already, and captions are short. */
const ratioMax = 100;
/** Small files of equal letters pack well and harm nobody. */
const ratioFreeBytes = 64 * 1024;

const endSignature = 0x06054b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const endBytes = 22;
const centralBytes = 46;
const localBytes = 30;
const commentBytesMax = 65_535;

const inflate = promisify(inflateRaw);

const unreadable = (message: string) => invalidArgument('zip_unreadable', message, { param: 'file' });
const bomb = (message: string) => invalidArgument('zip_too_large', message, { param: 'file' });

/** PKWARE's APPNOTE 6.3.10, 4.3.16: the first header, or the end of an archive that is empty. */
export const isZip = (start: Buffer): boolean => start.length >= 4 && [localSignature, endSignature].includes(start.readUInt32LE(0));

/**
 * The files of an archive by its central directory, folders left out. Strict: stored or deflated, not encrypted, in one part, below 4 GiB, and no two files share bytes, by which small archives
 * claim to be huge ones. InvalidArgument `zip_unreadable` | `zip_too_large`, before anything is unpacked.
 */
export async function readZipEntries(source: ZipSource): Promise<ZipEntry[]> {
  const { count, at, length } = await findDirectory(source);
  const directory = await source.read(at, length);
  const entries: ZipEntry[] = [];
  let offset = 0;
  for (let index = 0; index < count; index++) {
    if (offset + centralBytes > directory.length || directory.readUInt32LE(offset) !== centralSignature)
      throw unreadable('The list of files in the zip is damaged.');
    const variableBytes = directory.readUInt16LE(offset + 28) + directory.readUInt16LE(offset + 30) + directory.readUInt16LE(offset + 32);
    if (offset + centralBytes + variableBytes > directory.length) throw unreadable('The list of files in the zip is damaged.');
    const entry = entryAt(directory, offset);
    if (!entry.name.endsWith('/')) entries.push(entry);
    offset += centralBytes + variableBytes;
  }
  requireBounded(entries);
  requireApart(entries, at);
  return entries;
}

/** The bytes of one file; no more than `bytesMax` and than the directory says are ever unpacked. */
export async function unpackEntry(source: ZipSource, entry: ZipEntry, bytesMax: number): Promise<Buffer> {
  if (entry.bytes > bytesMax) throw bomb(`${entry.name} has more than ${bytesMax} bytes.`);
  const header = await source.read(entry.at, localBytes);
  if (header.length < localBytes || header.readUInt32LE(0) !== localSignature) throw unreadable(`${entry.name} is damaged in the zip.`);
  const packed = await source.read(entry.at + localBytes + header.readUInt16LE(26) + header.readUInt16LE(28), entry.packedBytes);
  if (packed.length !== entry.packedBytes) throw unreadable('The zip is cut off.');
  const bytes = entry.method === 'stored' ? packed : await unpacked(packed, entry);
  if (bytes.length !== entry.bytes || crc32(bytes) !== entry.crc32) throw unreadable(`${entry.name} is damaged in the zip.`);
  return bytes;
}

async function unpacked(packed: Buffer, { name, bytes }: ZipEntry): Promise<Buffer> {
  try {
    return await inflate(packed, { maxOutputLength: Math.max(1, bytes) });
  } catch (error) {
    // It unfolds into more than its directory says, or is no deflate stream.
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw bomb(`${name} unpacks to more bytes than the zip says.`);
    throw unreadable(`${name} is damaged in the zip.`);
  }
}

async function findDirectory(source: ZipSource): Promise<{ count: number; at: number; length: number }> {
  const tailAt = Math.max(0, source.sizeBytes - endBytes - commentBytesMax);
  const tail = await source.read(tailAt, source.sizeBytes - tailAt);
  for (let offset = tail.length - endBytes; offset >= 0; offset--) {
    if (tail.readUInt32LE(offset) !== endSignature || offset + endBytes + tail.readUInt16LE(offset + 20) !== tail.length) continue;
    const [count, length, at] = [tail.readUInt16LE(offset + 10), tail.readUInt32LE(offset + 12), tail.readUInt32LE(offset + 16)];
    if (tail.readUInt16LE(offset + 4) !== 0 || tail.readUInt16LE(offset + 8) !== count)
      throw unreadable('The zip is one of several parts.');
    if (count === 0xffff || at === 0xffffffff) throw unreadable('The zip has the 64-bit form, which files of this size need not have.');
    if (count > entriesMax) throw bomb(`The zip holds ${count} files; at most ${entriesMax} are looked at.`);
    if (length > directoryBytesMax) throw bomb('The list of files in the zip is larger than any list needs to be.');
    if (at + length > tailAt + offset) throw unreadable('The list of files in the zip is damaged.');
    return { count, at, length };
  }
  throw unreadable('The file is no zip, or is cut off.');
}

function entryAt(directory: Buffer, offset: number): ZipEntry {
  const flags = directory.readUInt16LE(offset + 8);
  const method = directory.readUInt16LE(offset + 10);
  const nameBytes = directory.subarray(offset + centralBytes, offset + centralBytes + directory.readUInt16LE(offset + 28));
  const name = nameOf(nameBytes);
  if ((flags & 0x2041) !== 0) throw unreadable('The zip is encrypted.');
  if (method !== 0 && method !== 8) throw unreadable(`${name} is packed in a way that is not read here: use deflate or none.`);
  const packedBytes = directory.readUInt32LE(offset + 20);
  const bytes = directory.readUInt32LE(offset + 24);
  const at = directory.readUInt32LE(offset + 42);
  if ([packedBytes, bytes, at].includes(0xffffffff))
    throw unreadable('The zip has the 64-bit form, which files of this size need not have.');
  if (method === 0 && packedBytes !== bytes) throw unreadable(`${name} is damaged in the zip.`);
  return { name, method: method === 0 ? 'stored' : 'deflated', packedBytes, bytes, crc32: directory.readUInt32LE(offset + 16), at };
}

/** Archivers of today write UTF-8, whether they say so or not. */
function nameOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? bytes.toString('latin1') : text;
}

function requireBounded(entries: readonly ZipEntry[]): void {
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > unpackedBytesMax) throw bomb('The zip unpacks to more than 8 GiB.');
  const packedTooWell = entries.find(({ bytes, packedBytes }) => bytes > ratioFreeBytes && bytes > ratioMax * packedBytes);
  if (packedTooWell) throw bomb(`${packedTooWell.name} unpacks to more than ${ratioMax} times its size, which no picture does.`);
}

function requireApart(entries: readonly ZipEntry[], directoryAt: number): void {
  const inOrder = [...entries].sort((a, b) => a.at - b.at);
  for (const [index, { at, packedBytes, name }] of inOrder.entries()) {
    const end = inOrder[index + 1]?.at ?? directoryAt;
    if (at + localBytes + packedBytes > end) throw bomb(`${name} shares its bytes with another file of the zip.`);
  }
}
