import { z } from 'zod';
import { text } from '../http/schemas/text.js';

const textCharsMax = 200;
/** The service's own limit is lower; this one only bounds the work. */
const imagesMax = 20;

export const createCharacterBody = z
  .strictObject({
    name: text(textCharsMax).describe('For people, 1 to 60 characters.'),
    imageIds: z.array(text(textCharsMax)).max(imagesMax).describe('Ids of two to five uploads or generated pictures that show it.'),
  })
  .meta({ id: 'CreateCharacter' });

const character = z.object({
  id: z.uuid().describe('For `characterId` of a generation.'),
  name: z.string(),
  imageIds: z.array(z.uuid()),
  createdAt: z.iso.datetime(),
});

export const characterAnswers = {
  one: z.object({ character }),
  all: z.object({ characters: z.array(character) }),
  deleted: z.object({ deletedCharacter: z.object({ id: z.uuid() }) }),
};
