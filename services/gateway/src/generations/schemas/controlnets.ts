import { z } from 'zod';
import { invalidField, missingField, unsupportedFeature } from '../../errors.js';
import type { ImageRequestInit } from '../generations.js';
import { text } from '../../http/schemas/text.js';

type GuidanceInit = NonNullable<ImageRequestInit['guidance']>[number];

const idCharsMax = 200;
const wordCharsMax = 60;
/** More than any model takes: which says so itself. */
const controlnetsMax = 20;
const weightMax = 2;

/** Leonardo's preprocessor ids of what is there, for SD 1.5, SD 2.1 and SDXL; what is not (sketch, line art …) has ids of its own. */
const kindByPreprocessor: ReadonlyMap<number | string, string> = new Map<number | string, string>([
  [1, 'edges'],
  [12, 'edges'],
  [19, 'edges'],
  [3, 'depth'],
  [13, 'depth'],
  [20, 'depth'],
  [7, 'pose'],
  [16, 'pose'],
  [21, 'pose'],
  [67, 'style'],
  [100, 'content'],
  [133, 'character'],
  ...['edges', 'depth', 'pose', 'style', 'content', 'character'].map((kind): [string, string] => [kind, kind]),
]);

/** Leonardo's named strengths lie evenly over its weights, 0 to 2; ours are 0 to 1. Content and character know the first three only. */
const strengths = { Low: 0.3, Mid: 0.5, High: 0.7, Ultra: 0.85, Max: 1 } as const;
const strengthsOfThree = { Low: 0.4, Mid: 0.7, High: 1, Ultra: 1, Max: 1 } as const;

export const controlnets = z
  .array(
    z.strictObject({
      initImageId: text(idCharsMax).nullish().describe('Id of an upload or of a generated picture.'),
      initImageType: z.enum(['GENERATED', 'UPLOADED']).nullish().describe('Found out by the server.'),
      preprocessorId: z
        .union([z.int(), text(idCharsMax)])
        .nullish()
        .describe("Leonardo's number, or `edges`, `depth`, `pose`, `style`, `content`, `character`."),
      weight: z.number().min(0).max(weightMax).nullish().describe('0 to 2; instead of `strengthType`.'),
      strengthType: z.enum(['Low', 'Mid', 'High', 'Ultra', 'Max']).nullish().describe('Default Mid.'),
      influence: z.number().nullish().describe('Accepted for compatibility; without meaning for the models here.'),
      subject: text(wordCharsMax)
        .nullish()
        .describe('Beyond Leonardo, of a character: the word of the prompt that it stands for; absent: the first thing.'),
    }),
  )
  .max(controlnetsMax);

export function guidanceOf(list: z.infer<typeof controlnets> | null | undefined): GuidanceInit[] {
  return (list ?? []).map(({ initImageId, preprocessorId, weight, strengthType, subject }, at) => {
    const param = `controlnets[${at}]`;
    if (!initImageId) throw missingField(`${param}.initImageId`);
    if (preprocessorId === undefined || preprocessorId === null) throw missingField(`${param}.preprocessorId`);
    const kind = kindByPreprocessor.get(typeof preprocessorId === 'string' ? preprocessorId.toLowerCase() : preprocessorId);
    if (!kind)
      throw unsupportedFeature(
        `${param}.preprocessorId`,
        'No preprocessor here has this id: there are edges (1, 12, 19), depth (3, 13, 20), pose (7, 16, 21), style (67), content (100) and character (133).',
      );
    if (typeof weight === 'number' && strengthType) throw invalidField('Send either weight or strengthType.', `${param}.weight`);
    return {
      kind,
      assetId: initImageId,
      strength: typeof weight === 'number' ? weight / weightMax : strengthOf(kind, strengthType ?? 'Mid'),
      subject: subject ?? '',
    };
  });
}

const strengthOf = (kind: string, name: keyof typeof strengths): number =>
  (kind === 'content' || kind === 'character' ? strengthsOfThree : strengths)[name];
