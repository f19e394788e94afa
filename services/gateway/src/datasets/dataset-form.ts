import type { MultipartFile } from '@fastify/multipart';
import { HttpException } from '@nestjs/common';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { FastifyRequest } from 'fastify';
import { validate } from '../http/schemas/validate.js';
import { datasetImageNotes } from './dataset-schemas.js';
import { notesOf } from './dataset-notes.js';
import type { Notes } from './datasets.js';

/** What training takes of a zip, too; a single picture has less, which it sees before all of it has come. */
const fileBytesMax = 256 * 1024 * 1024;

type WithFile = FastifyRequest & { isMultipart?(): boolean; file(options: object): Promise<MultipartFile | undefined> };

export const hasForm = (request: FastifyRequest): boolean => (request as WithFile).isMultipart?.() === true;

/** The file of a form as it comes, and the fields that came before it. */
export async function datasetFormOf(
  request: FastifyRequest,
): Promise<{ fileName: string; notes: Notes; bytes: AsyncIterable<Uint8Array> }> {
  const file = await readable(() =>
    (request as WithFile).file({ limits: { fileSize: fileBytesMax, files: 1, fields: 10, parts: 11, fieldSize: 200_000 } }),
  );
  if (!file) throw invalidArgument('missing_file', 'The form has no file.', { param: 'file' });
  const fields = fieldsOf(file);
  // The body of a form, by which a refusal knows what was sent.
  request.body = fields;
  try {
    return { fileName: file.filename ?? '', notes: notesOf(validate(datasetImageNotes, fields)), bytes: bytesOf(file) };
  } catch (error) {
    file.file.resume();
    throw error;
  }
}

const fieldsOf = ({ fields, fieldname }: MultipartFile): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) =>
      name === fieldname || field === undefined
        ? []
        : [[name, !Array.isArray(field) && field.type === 'field' ? field.value : field] as const],
    ),
  );

async function* bytesOf({ file }: MultipartFile): AsyncGenerator<Uint8Array> {
  try {
    const chunks = file.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
    for (;;) {
      const { value, done } = await readable(() => chunks.next());
      if (done) break;
      yield value;
    }
    if (file.truncated) throw new HttpException(`A file has at most ${fileBytesMax / 1024 / 1024} MiB.`, 413);
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
