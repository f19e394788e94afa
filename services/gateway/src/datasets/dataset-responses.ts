import { z } from 'zod';

/** What answers about datasets look like, for the API description. */

const time = z.iso.datetime();
const id = z.uuid();

const dataset = z.object({
  id,
  name: z.string(),
  description: z.string(),
  trigger: z.string(),
  pictures: z.int().describe('With forms that were handed out and have not expired.'),
  picturesMax: z.int(),
  createdAt: time,
  updatedAt: time,
});
const about = z.object({
  caption: z.string(),
  captionSource: z.enum(['given', 'file_name', 'proposed', 'none']),
  source: z.enum(['upload', 'form', 'zip', 'generation']),
  generatedImageId: z.string().optional(),
  fileName: z.string(),
  provenance: z.string(),
  licence: z.string(),
  contentType: z.string(),
  width: z.int(),
  height: z.int(),
  sizeBytes: z.int(),
  sha256: z.string(),
  perceptualHash: z.string().describe('64 bits, hex: pictures that look alike differ in few of them.'),
});
const image = z.object({ id, url: z.url().describe('Opens without a key for a day.'), createdAt: time, tessera: about });
const refused = z.array(z.object({ id: z.string().optional(), fileName: z.string(), type: z.string(), error: z.string() }));
const warnings = z.array(
  z.object({
    code: z.string().describe('Stable, such as `near_duplicates`.'),
    imageIds: z.array(id),
    message: z.string(),
    remedy: z.string().describe('What to do about it.'),
  }),
);
const version = z.object({
  digest: z.string().describe('Of the pictures, their captions and the seed.'),
  seed: z.int(),
  trainingPictures: z.int(),
  validationPictures: z.int(),
  createdAt: time,
});

export const datasetResponses = {
  created: z.object({ insert_datasets_one: z.object({ id, tessera: dataset }) }),
  dataset,
  datasets: z.object({ datasets: z.array(dataset), nextPageToken: z.string().optional() }),
  shown: z.object({
    datasets_by_pk: z.object({
      id,
      name: z.string(),
      description: z.string(),
      createdAt: time,
      updatedAt: time,
      dataset_images: z.array(image),
      tessera: dataset.extend({
        awaited: z.int().describe('Forms that nothing has come by yet, or that were not looked at yet.'),
        warnings,
        refused: refused.describe('What forms brought that cannot be used.'),
      }),
    }),
  }),
  deleted: z.object({ delete_datasets_by_pk: z.object({ id }) }),
  upload: z.object({
    uploadDatasetImage: z.object({
      id: id.optional().describe('Of the form, or of the one picture that was sent.'),
      key: z.string().optional(),
      url: z.url().optional(),
      fields: z.string().optional().describe('JSON: the form fields to send before `file`.'),
    }),
    tessera: z
      .object({ images: z.array(image.omit({ url: true })), refused })
      .optional()
      .describe('Of a multipart upload.'),
  }),
  fromGeneration: z.object({ uploadDatasetImageFromGen: z.object({ id, tessera: about }) }),
  image: image.omit({ url: true }),
  deletedImage: z.object({ id }),
  versions: z.object({ versions: z.array(version) }),
  version: version.extend({ images: z.array(image.omit({ url: true }).extend({ split: z.enum(['training', 'validation']) })) }),
};
