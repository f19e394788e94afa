import { z } from 'zod';
import { text } from '../http/schemas/text.js';

const side = (name: string) =>
  z.int().min(1).max(65_535).optional().describe(`Pixels of the ${name} that it shall have, in place of a factor; the other side follows.`);
const shared = {
  modelId: text(200)
    .optional()
    .describe("Name, alias or Leonardo UUID of a model whose own means are taken where it has some. Default: the server's model."),
  public: z.boolean().default(false),
};

export const upscaleBody = z
  .strictObject({
    factor: z
      .number()
      .gt(0)
      .optional()
      .describe(
        'How many times as long its sides become, more than 1 and at most 8. Default: twice, or as much of it as 20 megapixels allow.',
      ),
    width: side('width'),
    height: side('height'),
    ...shared,
  })
  .meta({ id: 'UpscalePicture' });

export const cutOutBody = z.strictObject(shared).meta({ id: 'RemoveBackground' });
