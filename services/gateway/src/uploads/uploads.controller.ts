import { Controller, Delete, Get, HttpCode, HttpException, Param, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { MultipartFile } from '@fastify/multipart';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { FastifyRequest } from 'fastify';
import { Uploads } from './uploads.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { canvasUploadWire, initImageWire, uploadWire } from '../generations/leonardo-wire.js';
import { bodyOf, callerOf } from '../http/request.js';
import { initImageExtensions, uploadCanvasInitImageBody, uploadInitImageBody } from '../generations/schemas/leonardo.js';

/** What storage takes, too; refused here before more of it is read into memory. */
const uploadBytesMax = 25 * 1024 * 1024;

type WithFile = FastifyRequest & { isMultipart?(): boolean; file(options: object): Promise<MultipartFile | undefined> };

@Controller('api/rest/v1')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class UploadsController {
  constructor(private readonly uploads: Uploads) {}

  /** JSON asks for a form to post to, as Leonardo does it; multipart/form-data with a `file` uploads at once. */
  @Post('init-image')
  @HttpCode(200)
  async create(@Req() request: FastifyRequest) {
    const caller = callerOf(request);
    if (!(request as WithFile).isMultipart?.()) {
      const { extension } = bodyOf(uploadInitImageBody, request);
      return { uploadInitImage: uploadWire(await this.uploads.create(caller, extension)) };
    }
    const { extension, data } = await fileOf(request as WithFile);
    const initImage = await this.uploads.put(caller, extension, data);
    return { uploadInitImage: { id: initImage.asset.assetId }, init_images_by_pk: initImageWire(initImage) };
  }

  /** Two forms, for a picture and for the mask that says what of it is repainted. */
  @Post('canvas-init-image')
  @HttpCode(200)
  async createForCanvas(@Req() request: FastifyRequest) {
    const caller = callerOf(request);
    const { initExtension, maskExtension } = bodyOf(uploadCanvasInitImageBody, request);
    const [init, mask] = await Promise.all([this.uploads.create(caller, initExtension), this.uploads.create(caller, maskExtension)]);
    return { uploadCanvasInitImage: canvasUploadWire(init, mask) };
  }

  @Get('init-image/:id')
  async get(@Req() request: FastifyRequest, @Param('id') id: string) {
    return { init_images_by_pk: initImageWire(await this.uploads.get(callerOf(request), id)) };
  }

  @Delete('init-image/:id')
  async remove(@Req() request: FastifyRequest, @Param('id') id: string) {
    await this.uploads.remove(callerOf(request), id);
    return { delete_init_images_by_pk: { id } };
  }
}

async function fileOf(request: WithFile): Promise<{ extension: string; data: Buffer }> {
  const file = await readable(request.file({ limits: { fileSize: uploadBytesMax, files: 1, fields: 20, parts: 21, fieldSize: 10_000 } }));
  if (!file) throw invalidArgument('missing_file', 'The form has no file.', { param: 'file' });
  const extension = file.filename?.toLowerCase().split('.').at(-1) ?? '';
  if (!initImageExtensions.some((known) => known === extension)) {
    file.file.resume();
    throw invalidArgument('invalid_field', 'invalid file extension: use png, jpg, jpeg or webp', { param: 'file' });
  }
  const data = await readable(file.toBuffer());
  // The parser's own refusal races with the end of the stream: a cut-off picture could slip through.
  if (file.file.truncated) throw new HttpException(`A picture has at most ${uploadBytesMax / 1024 / 1024} MiB.`, 413);
  return { extension, data };
}

/** The form's parser throws bare errors for a form that breaks off; its limits carry a status of their own. */
async function readable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (typeof (error as { statusCode?: unknown }).statusCode === 'number') throw error;
    throw invalidArgument('malformed_form', 'The form cannot be read; does the body end with its boundary?', { cause: error });
  }
}
