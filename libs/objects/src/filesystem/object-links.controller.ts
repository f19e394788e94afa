import { Readable } from 'node:stream';
import { Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import type { Multipart, MultipartFile } from '@fastify/multipart';
import { Clock } from '@tessera/platform/clock.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { cacheSecondsMax, dispositionOf, unknownObject } from '../object-rules.js';
import type { ByteRange, ObjectHead } from '../object-store.js';
import { parseByteRange } from './byte-range.js';
import { FilesystemObjectStore } from './filesystem-object-store.js';
import { uploadBytesMax } from './link-signer.js';
import { ObjectLinksFilter } from './object-links.filter.js';

type DownloadRequest = FastifyRequest<{ Params: { '*': string }; Querystring: { expires?: string; signature?: string } }>;

/** An S3 policy's form has a handful of short fields; the policy itself is the longest. */
const formLimits = { fieldNameSize: 100, fieldSize: 16 * 1024, fields: 20, files: 1, parts: 22, headerPairs: 20, fileSize: uploadBytesMax };

/** Boundaries and fields that surround the largest file. */
const formBytesMax = uploadBytesMax + 512 * 1024;

/** What S3 is for its bucket: signed links to read, and a form to upload to. Links carry their own authority, so no API key is asked for, and one that is sent is ignored. */
@Controller()
@UseFilters(ObjectLinksFilter)
export class ObjectLinksController {
  constructor(
    private readonly store: FilesystemObjectStore,
    private readonly clock: Clock,
  ) {}

  /** Fastify answers HEAD with the same handler and drops the body. */
  @Get('objects/*')
  async download(@Req() request: DownloadRequest, @Res() reply: FastifyReply): Promise<void> {
    const key = request.params['*'];
    const { expiresMs } = this.store.links.checkDownload(key, single(request.query.expires), single(request.query.signature));
    const head = await this.store.head(key);
    if (!head) throw unknownObject();
    const remainingMs = expiresMs - this.clock.now();
    if (matches(request.headers['if-none-match'], head)) return void describe(reply, head, remainingMs).status(304).send();
    const ifRange = single(request.headers['if-range']);
    const range = ifRange === undefined || matches(ifRange, head) ? parseByteRange(request.headers.range, head.sizeBytes) : undefined;
    if (range === 'unsatisfiable') return void reply.status(416).header('content-range', `bytes */${head.sizeBytes}`).send();
    if (request.method === 'HEAD') return void describePart(reply, head, range, remainingMs).send(Readable.from([]));
    // Described by what was opened, not by what was looked up before: the object may have been replaced in between.
    const opened = await this.store.get(key, range);
    return void describePart(reply, opened.head, range, remainingMs).send(Readable.from(opened.body, { objectMode: false }));
  }

  /** Answers as S3 does: 204 and nothing else. */
  @Post('objects')
  async upload(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    if (!request.isMultipart()) throw invalidArgument('malformed_form', 'Send a form of the type multipart/form-data.');
    if (Number(request.headers['content-length'] ?? 0) > formBytesMax) {
      // The rest is not read, so the connection cannot be used again.
      reply.header('connection', 'close');
      throw invalidArgument('object_too_large', `A form has at most ${formBytesMax} bytes.`, { param: 'file' });
    }
    const head = await this.receive(request.parts({ limits: formLimits }));
    await reply.status(204).header('etag', etagOf(head)).send();
  }

  /** Reads the form to its end also when it is refused early: a client that is still sending would see a broken connection instead of the reason. */
  private async receive(parts: AsyncIterable<Multipart>): Promise<ObjectHead> {
    const fields = new Map<string, string>();
    let head: ObjectHead | undefined;
    let refusal: unknown;
    try {
      for await (const part of parts) {
        if (part.type === 'field') {
          if (typeof part.value === 'string' && !part.valueTruncated) fields.set(part.fieldname.toLowerCase(), part.value);
        } else {
          head = await this.storeFile(fields, part).catch((error: unknown) => void (refusal ??= error));
          part.file.resume();
        }
      }
    } catch (error) {
      // What follows a refused file may break off, too; the first reason is reported.
      refusal ??= error;
    }
    if (refusal) throw refusal;
    if (!head) throw invalidArgument('missing_field', 'The form has no file; it comes last, as the field "file".', { param: 'file' });
    return head;
  }

  private async storeFile(fields: ReadonlyMap<string, string>, part: MultipartFile): Promise<ObjectHead> {
    for (const name of ['key', 'policy', 'signature']) {
      if (!fields.has(name)) throw invalidArgument('missing_field', `The form lacks the field "${name}" before the file.`, { param: name });
    }
    const policy = this.store.links.checkUpload(fields);
    if (part.fieldname !== 'file') throw invalidArgument('missing_field', 'The bytes come last, as the field "file".', { param: 'file' });
    const contentType = (fields.get('content-type') ?? part.mimetype).toLowerCase();
    if (!contentType.startsWith(policy.contentTypePrefix)) {
      throw invalidArgument(
        'unacceptable_content_type',
        `The file must be of the type ${policy.contentTypePrefix}${policy.contentTypePrefix.endsWith('/') ? '*' : ''}.`,
        { param: 'Content-Type' },
      );
    }
    return this.store.put(policy.key, part.file.iterator({ destroyOnReturn: false }), { contentType, sizeBytesMax: policy.sizeBytesMax });
  }
}

/** A parameter that is given twice arrives as an array. */
const single = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const etagOf = (head: ObjectHead): string => `"${head.sha256}"`;

const matches = (header: string | undefined, head: ObjectHead): boolean =>
  header !== undefined && (header.trim() === '*' || header.includes(etagOf(head)));

function describe(reply: FastifyReply, head: ObjectHead, remainingMs: number): FastifyReply {
  const maxAgeSeconds = Math.max(0, Math.min(cacheSecondsMax, Math.floor(remainingMs / 1000)));
  return reply.headers({
    'content-type': head.contentType,
    'content-disposition': dispositionOf(head.contentType),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': `private, max-age=${maxAgeSeconds}`,
    'accept-ranges': 'bytes',
    etag: etagOf(head),
    'last-modified': new Date(head.storedMs).toUTCString(),
  });
}

function describePart(reply: FastifyReply, head: ObjectHead, range: ByteRange | undefined, remainingMs: number): FastifyReply {
  const start = range?.start ?? 0;
  const end = Math.min(range?.end ?? Infinity, head.sizeBytes - 1);
  describe(reply, head, remainingMs).header('content-length', end - start + 1);
  return range ? reply.status(206).header('content-range', `bytes ${start}-${end}/${head.sizeBytes}`) : reply;
}
