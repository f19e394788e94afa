import { z } from 'zod';
import { text } from '../http/schemas/text.js';

const id = text(200).describe('Id of a picture; of a variation if `isVariation` is true.');
const isVariation = z.boolean().nullish();

export const variationUpscaleBody = z.strictObject({ id: text(200).describe('Id of a picture.') }).meta({ id: 'CreateVariationUpscale' });
export const variationNobgBody = z.strictObject({ id, isVariation }).meta({ id: 'CreateVariationNoBG' });
export const variationUnzoomBody = z.strictObject({ id: id.nullish(), isVariation }).meta({ id: 'CreateVariationUnzoom' });
