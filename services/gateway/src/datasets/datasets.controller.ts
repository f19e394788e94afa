import { Controller, Delete, Get, HttpCode, Param, Post, Put, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { bodyOf, callerOf, queryOf } from '../http/request.js';
import { datasetFormOf, hasForm } from './dataset-form.js';
import { notesOf } from './dataset-notes.js';
import {
  createDatasetBody,
  datasetsQuery,
  freezeDatasetBody,
  updateDatasetBody,
  updateDatasetImageBody,
  uploadDatasetImageBody,
  uploadDatasetImageFromGenBody,
} from './dataset-schemas.js';
import {
  addedWire,
  datasetFormWire,
  datasetImageWire,
  datasetWire,
  fromGenerationWire,
  shownDatasetWire,
  shownVersionWire,
  versionWire,
} from './dataset-wire.js';
import { Datasets } from './datasets.js';

@Controller('api/rest/v1/datasets')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class DatasetsController {
  constructor(private readonly datasets: Datasets) {}

  @Post()
  @HttpCode(200)
  async create(@Req() request: FastifyRequest) {
    const { name, description, trigger } = bodyOf(createDatasetBody, request);
    const dataset = await this.datasets.create(callerOf(request), { name, description: description ?? '', trigger: trigger ?? '' });
    return { insert_datasets_one: { id: dataset.datasetId, tessera: datasetWire(dataset) } };
  }

  @Get()
  async list(@Req() request: FastifyRequest) {
    const { pageSize, pageToken } = queryOf(datasetsQuery, request);
    const { datasets, nextPageToken } = await this.datasets.list(callerOf(request), pageSize, pageToken);
    return { datasets: datasets.map(datasetWire), ...(nextPageToken ? { nextPageToken } : {}) };
  }

  @Get(':id')
  async get(@Req() request: FastifyRequest, @Param('id') id: string) {
    const { dataset, answer } = await this.datasets.get(callerOf(request), id);
    return { datasets_by_pk: shownDatasetWire(dataset, answer) };
  }

  @Put(':id')
  async update(@Req() request: FastifyRequest, @Param('id') id: string) {
    return datasetWire(await this.datasets.update(callerOf(request), id, bodyOf(updateDatasetBody, request)));
  }

  @Delete(':id')
  async remove(@Req() request: FastifyRequest, @Param('id') id: string) {
    await this.datasets.remove(callerOf(request), id);
    return { delete_datasets_by_pk: { id } };
  }

  /** JSON asks for a form to post to, as Leonardo does it; multipart/form-data with a `file`, a picture or a zip, adds at once. */
  @Post(':id/upload')
  @HttpCode(200)
  async upload(@Req() request: FastifyRequest, @Param('id') id: string) {
    const caller = callerOf(request);
    if (hasForm(request)) return addedWire(await this.datasets.add(caller, id, await datasetFormOf(request)));
    const { extension, ...notes } = bodyOf(uploadDatasetImageBody, request);
    return { uploadDatasetImage: datasetFormWire(await this.datasets.createForm(caller, id, extension, notesOf(notes))) };
  }

  @Post(':id/upload/gen')
  @HttpCode(200)
  async uploadGenerated(@Req() request: FastifyRequest, @Param('id') id: string) {
    const { generatedImageId, ...notes } = bodyOf(uploadDatasetImageFromGenBody, request);
    const picture = await this.datasets.addGenerated(callerOf(request), id, generatedImageId, notesOf(notes));
    return { uploadDatasetImageFromGen: fromGenerationWire(picture) };
  }

  @Put(':id/images/:imageId')
  async updateImage(@Req() request: FastifyRequest, @Param('id') id: string, @Param('imageId') imageId: string) {
    return datasetImageWire(await this.datasets.updatePicture(callerOf(request), id, imageId, bodyOf(updateDatasetImageBody, request)));
  }

  @Delete(':id/images/:imageId')
  async removeImage(@Req() request: FastifyRequest, @Param('id') id: string, @Param('imageId') imageId: string) {
    await this.datasets.removePicture(callerOf(request), id, imageId);
    return { id: imageId };
  }

  @Post(':id/versions')
  @HttpCode(200)
  async freeze(@Req() request: FastifyRequest, @Param('id') id: string) {
    const { version, pictures } = await this.datasets.freeze(callerOf(request), id, bodyOf(freezeDatasetBody, request).seed);
    return shownVersionWire(version, [...pictures]);
  }

  @Get(':id/versions')
  async versions(@Req() request: FastifyRequest, @Param('id') id: string) {
    return { versions: (await this.datasets.versions(callerOf(request), id)).map(versionWire) };
  }

  @Get(':id/versions/:digest')
  async version(@Req() request: FastifyRequest, @Param('id') id: string, @Param('digest') digest: string) {
    const { version, pictures } = await this.datasets.version(callerOf(request), id, digest);
    return shownVersionWire(version, [...pictures]);
  }
}
