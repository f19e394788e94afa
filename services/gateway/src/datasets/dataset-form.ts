import type { Multipart, MultipartFile } from '@fastify/multipart';
import { HttpException } from '@nestjs/common';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { FastifyRequest } from 'fastify';
import { invalidField } from '../errors.js';
import { validate } from '../http/schemas/validate.js';
import { datasetImageNotes } from './dataset-schemas.js';
import { notesOf } from './dataset-notes.js';
import type { Notes } from './datasets.js';

/** What training takes of a zip, too; a single picture has less, which it sees before all of it has come. */
const fileBytesMax = 256 * 1024 * 1024;

const limits = { fileSize: fileBytesMax, files: 1, fields: 10, parts: 11, fieldSize: 200_000 };

type WithParts = FastifyRequest & { isMultipart?(): boolean; parts(options: object): AsyncIterableIterator<Multipart> };

export const hasForm = (request: FastifyRequest): boolean => (request as WithParts).isMultipart?.() === true;

/** The file of a form as it comes, and the fields before it. What follows the file would come too late to count, so it is refused. */
export async function datasetFormOf(
  request: FastifyRequest,
): Promise<{ fileName: string; notes: Notes; bytes: AsyncIterable<Uint8Array> }> {
  const parts = (request as WithParts).parts({ limits });
  const fields: Record<string, unknown> = {};
  // The body of a form, by which a refusal knows what was sent.
  request.body = fields;
  for (;;) {
    const { value: part, done } = await readable(() => parts.next());
    if (done) throw invalidArgument('missing_file', 'The form has no file.', { param: 'file' });
    if (part.type === 'field') {
      fields[part.fieldname] = part.value;
      continue;
    }
    try {
      return { fileName: part.filename ?? '', notes: notesOf(validate(datasetImageNotes, fields)), bytes: bytesOf(part, parts) };
    } catch (error) {
      part.file.resume();
      throw error;
    }
  }
}

async function* bytesOf({ file }: MultipartFile, parts: AsyncIterator<Multipart>): AsyncGenerator<Uint8Array> {
  try {
    const chunks = file.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
    for (;;) {
      const { value, done } = await readable(() => chunks.next());
      if (done) break;
      yield value;
    }
    if (file.truncated) throw new HttpException(`A file has at most ${fileBytesMax / 1024 / 1024} MiB.`, 413);
    const { value: late, done } = await readable(() => parts.next());
    if (!done) throw invalidField('The file is the last part of the form; fields come before it.', late.fieldname);
  } finally {
    // Who stops in the middle, because it is refused, lets the rest go by: the answer comes on the same connection.
    file.resume();
  }
}

/** The form's parser throws bare errors for a form that breaks off; its limits carry a status of their own. */
async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (typeof (error as { statusCode?: unknown }).statusCode === 'number') throw error;
    throw invalidArgument('malformed_form', 'The form cannot be read; does the body end with its boundary?', { cause: error });
  }
}
