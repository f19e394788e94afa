import { Injectable } from '@nestjs/common';
import type { Stored } from '@tessera/documents/documents.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { baseNameOf } from './captioner.js';
import { formatOf, pictureBytesMax } from './checks/measure-picture.js';
import type { ReadyPicture, RefusedPicture } from './dataset.js';
import { notAPicture, pictureTooLarge } from './errors.js';
import { requireNotes, type Notes } from './notes.js';
import { Pictures, type NewPicture } from './pictures.js';
import { isRefusal } from './settling.js';
import { withSpooled } from './zip/spooled-file.js';
import { isZip, readZipEntries, unpackEntry, type ZipEntry, type ZipSource } from './zip/zip-reader.js';

export type Added = { readonly pictures: readonly Stored<ReadyPicture>[]; readonly refused: readonly RefusedPicture[] };
export type FileHeader = { readonly accountId: string; readonly datasetId: string; readonly fileName: string; readonly notes: Notes };

/** A caption of 2,000 characters in any alphabet, with room for a mark and spaces around it. */
const captionBytesMax = 16 * 1024;

/** Takes a file that is one picture, or a zip of them. */
@Injectable()
export class FileIntake {
  constructor(private readonly pictures: Pictures) {}

  async add(header: FileHeader, bytes: AsyncIterable<Uint8Array>): Promise<Added> {
    const notes = requireNotes(header.notes);
    await this.pictures.requireRoom(header.accountId, header.datasetId);
    const { start, whole } = await begun(bytes);
    if (isZip(start)) return withSpooled(header.accountId, whole, (source) => this.#addZip({ ...header, notes }, source));
    const picture = await collected(whole);
    return { pictures: [await this.pictures.add({ ...header, notes, source: 'upload' }, picture)], refused: [] };
  }

  /** What is in it is counted before anything is unpacked, and taken one after the other: of a set of photographs only one is in memory. */
  async #addZip(header: FileHeader, source: ZipSource): Promise<Added> {
    const entries = (await readZipEntries(source)).filter(({ name }) => !isHidden(name));
    const named = entries.filter(({ name }) => /\.(?:png|jpe?g|webp)$/i.test(name));
    await this.pictures.requireRoom(header.accountId, header.datasetId, named.length);
    const captions = new Map(entries.filter(({ name }) => /\.txt$/i.test(name)).map((entry) => [stemOf(entry.name), entry]));
    const pictures: Stored<ReadyPicture>[] = [];
    const refused: RefusedPicture[] = [];
    for (const entry of named) {
      const fileName = baseNameOf(entry.name);
      try {
        const caption = header.notes.caption || (await captionIn(source, captions.get(stemOf(entry.name))));
        const picture: NewPicture = { ...header, fileName, source: 'zip', notes: requireNotes({ ...header.notes, caption }) };
        pictures.push(await this.pictures.add(picture, await unpackEntry(source, entry, pictureBytesMax)));
      } catch (error) {
        if (
          !(error instanceof TesseraError) ||
          !(isRefusal(error) || error.reason === 'dataset_full') ||
          error.reason === 'unknown_dataset'
        )
          throw error;
        refused.push({ pictureId: '', fileName, reason: error.reason, message: error.message });
      }
    }
    const others = entries.filter((entry) => !named.includes(entry) && !/\.txt$/i.test(entry.name));
    refused.push(...others.map(({ name }) => ({ pictureId: '', fileName: baseNameOf(name), ...wordsOf(notAPicture()) })));
    return { pictures, refused };
  }
}

const wordsOf = ({ reason, message }: TesseraError) => ({ reason, message });

/** What archivers and file managers leave behind. */
const isHidden = (name: string): boolean => /(?:^|[/\\])(?:\.|__MACOSX[/\\]|Thumbs\.db$|desktop\.ini$)/i.test(name);

const stemOf = (name: string): string => name.replace(/\.[^./\\]+$/, '');

async function captionIn(source: ZipSource, entry: ZipEntry | undefined): Promise<string> {
  if (!entry) return '';
  const text = (await unpackEntry(source, entry, captionBytesMax)).toString('utf8').replace(/^\ufeff/, '');
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** The first bytes, by which a file is known, and all of them. */
async function begun(bytes: AsyncIterable<Uint8Array>): Promise<{ start: Buffer; whole: AsyncIterable<Uint8Array> }> {
  const iterator = bytes[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  while (start.length < 12) {
    const { value, done } = await iterator.next();
    if (done) break;
    start = Buffer.concat([start, value as Uint8Array]);
  }
  return {
    start,
    whole: (async function* () {
      yield start;
      yield* { [Symbol.asyncIterator]: () => iterator };
    })(),
  };
}

/** Stops reading as soon as it is no picture, or too large a one. */
async function collected(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    if (length > pictureBytesMax) throw pictureTooLarge();
    chunks.push(chunk);
    if (chunks.length === 1 && formatOf(chunk) === undefined) throw notAPicture();
  }
  return Buffer.concat(chunks);
}
