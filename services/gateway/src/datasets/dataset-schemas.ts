import { z } from 'zod';
import { initImageExtensions } from '../generations/schemas/leonardo.js';
import { text } from '../http/schemas/text.js';

const name = text(100).min(1).describe('For people.');
const description = text(1_000);
const trigger = text(50).describe('The word that captions are to have for what is taught; empty: none.');
const notes = {
  caption: text(2_000).nullish().describe('What it shows, in words. Absent: from the name of the file, or none.'),
  provenance: text(500).nullish().describe('Where it is from.'),
  licence: text(500).nullish().describe('Under which licence, or with whose leave.'),
};

export const createDatasetBody = z
  .strictObject({ name, description: description.nullish(), trigger: trigger.nullish() })
  .meta({ id: 'CreateDataset' });
export const updateDatasetBody = z
  .strictObject({ name: name.optional(), description: description.optional(), trigger: trigger.optional() })
  .meta({ id: 'UpdateDataset' });
export const uploadDatasetImageBody = z
  .strictObject({ extension: z.enum(initImageExtensions, 'invalid file extension: use png, jpg, jpeg or webp'), ...notes })
  .meta({ id: 'UploadDatasetImage' });
/** What may stand in a form beside its file. */
export const datasetImageNotes = z.strictObject(notes);
export const uploadDatasetImageFromGenBody = z
  .strictObject({ generatedImageId: text(200).describe('Id of a picture that was generated for this account.'), ...notes })
  .meta({ id: 'UploadDatasetImageFromGen' });
export const updateDatasetImageBody = z
  .strictObject({ caption: text(2_000).optional(), provenance: text(500).optional(), licence: text(500).optional() })
  .meta({ id: 'UpdateDatasetImage' });
export const freezeDatasetBody = z
  .strictObject({ seed: z.int().min(0).max(4_294_967_295).default(0).describe('Decides which pictures are held out.') })
  .meta({ id: 'FreezeDataset' });
export const datasetsQuery = z.strictObject({
  pageSize: z.coerce.number().int().min(1).max(100).default(50),
  pageToken: z.string().max(200).default('').describe('`nextPageToken` of the page before.'),
});
