import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { TesseraError } from '@tessera/platform/errors.js';
import fc from 'fast-check';
import { model } from './model.fixture.js';
import { fullImageRequest, noticesOfRequest, promptCharactersMax, seedMax } from './image-request.js';
import { styles } from './preset-styles.js';

type Asked = Parameters<typeof create<typeof ImageRequestSchema>>[1];
const full = (asked: Asked) => fullImageRequest(create(ImageRequestSchema, asked), model, () => 42);
const refusal = (asked: Asked): { reason?: string; param?: string } => {
  try {
    return (full(asked), {});
  } catch (error) {
    return error instanceof TesseraError
      ? { reason: error.reason, ...(error.param ? { param: error.param } : {}) }
      : { reason: String(error) };
  }
};

describe('an image request', () => {
  it('is complete with nothing but a prompt', () => {
    expect(full({ prompt: '  a red apple ' })).toEqual({
      prompt: 'a red apple',
      negativePrompt: '',
      modelId: 'mosaic-3d',
      widthPx: 512,
      heightPx: 512,
      images: 1,
      steps: 20,
      guidanceScale: 7,
      seed: 42,
      style: 'NONE',
      isPublic: false,
    });
  });

  it('may be as large as its model takes; one picture of four megapixels and more at a time', () => {
    const large = { ...model, maxSidePx: 4_096 };
    const of = (asked: Asked) => fullImageRequest(create(ImageRequestSchema, { prompt: 'x', ...asked }), large, () => 42);
    expect(of({ widthPx: 2_048, heightPx: 2_048, images: 4 })).toMatchObject({ widthPx: 2_048, heightPx: 2_048, images: 4 });
    expect(of({ widthPx: 2_056, heightPx: 512, images: 1 })).toMatchObject({ widthPx: 2_056 });
    expect(() => of({ widthPx: 2_056, heightPx: 512, images: 2 })).toThrow('At most 1 image of this size');
    expect(() => of({ widthPx: 4_104, heightPx: 512 })).toThrow('from 32 to 4096');
  });

  it.each([
    [{ prompt: '' }, 'prompt_empty', 'prompt'],
    [{ prompt: ' \u0000\n ' }, 'prompt_empty', 'prompt'],
    [{ prompt: 'x'.repeat(promptCharactersMax + 1) }, 'prompt_too_long', 'prompt'],
    [{ prompt: 'x', negativePrompt: 'x'.repeat(promptCharactersMax + 1) }, 'prompt_too_long', 'negative_prompt'],
    [{ prompt: 'x', widthPx: 24 }, 'invalid_dimensions', 'width'],
    [{ prompt: 'x', heightPx: 513 }, 'invalid_dimensions', 'height'],
    [{ prompt: 'x', widthPx: 1032 }, 'invalid_dimensions', 'width'],
    [{ prompt: 'x', images: 9 }, 'too_many_images', 'num_images'],
    [{ prompt: 'x', images: 5, widthPx: 776 }, 'too_many_images', 'num_images'],
    [{ prompt: 'x', steps: 61 }, 'invalid_steps', 'num_inference_steps'],
    [{ prompt: 'x', guidanceScale: Number.NaN }, 'invalid_guidance_scale', 'guidance_scale'],
    [{ prompt: 'x', guidanceScale: Number.POSITIVE_INFINITY }, 'invalid_guidance_scale', 'guidance_scale'],
    [{ prompt: 'x', guidanceScale: -1 }, 'invalid_guidance_scale', 'guidance_scale'],
    [{ prompt: 'x', seed: -1n }, 'invalid_seed', 'seed'],
    [{ prompt: 'x', seed: BigInt(seedMax) + 1n }, 'invalid_seed', 'seed'],
    [{ prompt: 'x', style: 'NOT_A_STYLE' }, 'unknown_style', 'presetStyle'],
    [{ prompt: 'x', initImage: { assetId: '../secret', strength: 0.5 } }, 'invalid_init_image', 'init_image_id'],
    [{ prompt: 'x', initImage: { assetId: model.leonardoId, strength: 1.5 } }, 'invalid_init_strength', 'init_strength'],
    [{ prompt: 'x', adapters: [{ adapterId: 'oil', weight: 1 }] }, 'unknown_adapter', 'adapters'],
    [{ prompt: 'x', adapters: [{ adapterId: 'ink', weight: Number.NaN }] }, 'invalid_adapter_weight', 'adapters'],
    [{ prompt: 'x', adapters: Array.from({ length: 5 }, () => ({ adapterId: 'ink', weight: 1 })) }, 'too_many_adapters', 'adapters'],
    [{ prompt: 'x', guidance: [{ kind: 'edges', assetId: '../secret', strength: 1 }] }, 'invalid_guidance', 'guidance'],
    [{ prompt: 'x', guidance: [{ kind: 'depth', assetId: model.leonardoId, strength: 1 }] }, 'unsupported_guidance', 'guidance'],
    [{ prompt: 'x', guidance: [{ kind: 'smell', assetId: model.leonardoId, strength: 1 }] }, 'unknown_guidance', 'guidance'],
    [
      { prompt: 'x', guidance: [{ kind: 'edges', assetId: model.leonardoId, strength: Number.NaN }] },
      'invalid_guidance_strength',
      'guidance',
    ],
    [
      { prompt: 'x', guidance: [1, 2].map(() => ({ kind: 'edges', assetId: model.leonardoId, strength: 1 })) },
      'guidance_repeated',
      'guidance',
    ],
    [
      { prompt: 'x', guidance: Array.from({ length: 6 }, () => ({ kind: 'character', assetId: model.leonardoId, strength: 1 })) },
      'too_many_guides',
      'guidance',
    ],
    [
      { prompt: 'x', guidance: [{ kind: 'character', assetId: model.leonardoId, strength: 1, subject: 'x'.repeat(61) }] },
      'invalid_guidance',
      'guidance',
    ],
    [{ prompt: 'x', initImage: { assetId: model.leonardoId, maskAssetId: '../secret' } }, 'invalid_mask', 'init_mask_id'],
    [
      { prompt: 'x', initImage: { assetId: model.leonardoId, placement: { leftPx: 300, topPx: 0, widthPx: 300, heightPx: 300 } } },
      'invalid_placement',
      'init_placement',
    ],
    [
      { prompt: 'x', initImage: { assetId: model.leonardoId, placement: { leftPx: 0, topPx: 0, widthPx: 0, heightPx: 300 } } },
      'invalid_placement',
      'init_placement',
    ],
  ] satisfies [Asked, string, string][])('refuses %j', (asked, reason, param) => {
    expect(refusal(asked)).toEqual({ reason, param });
  });

  it('is refused in a size that its model does not list', () => {
    const listed = { ...model, sizes: ['512x512'] };
    const asked = (widthPx: number) =>
      fullImageRequest(create(ImageRequestSchema, { prompt: 'x', widthPx, heightPx: 512 }), listed, () => 42);
    expect(asked(512)).toMatchObject({ widthPx: 512 });
    expect(() => asked(768)).toThrow('mosaic-3d makes 512x512, not 768x512.');
  });

  describe('to a model that edits, with sides of its own', () => {
    const editing: ModelInfo = {
      ...model,
      modelId: 'kontext',
      sideMultiplePx: 16,
      negativePrompt: 'with_true_cfg',
      guidance: 'embedded',
      defaultGuidanceScale: 2.5,
      supportsInpaint: false,
      supportsEdit: true,
    };
    const initImage = { assetId: model.leonardoId, strength: 0.5 };
    const asked =
      (request: Asked, of: ModelInfo = editing) =>
      () =>
        fullImageRequest(create(ImageRequestSchema, { prompt: 'x', ...request }), of, () => 42);

    it.each([
      [{ widthPx: 504 }, 'unsupported_size', 'width'],
      [{ heightPx: 504 }, 'unsupported_size', 'height'],
      [{ initImage: { ...initImage, maskAssetId: model.leonardoId } }, 'unsupported_mask', 'init_image_id'],
      [{ initImage: { ...initImage, placement: { leftPx: 0, topPx: 0, widthPx: 64, heightPx: 64 } } }, 'unsupported_mask', 'init_image_id'],
    ] satisfies [Asked, string, string][])('refuses %j', (request, reason, param) => {
      expect(asked(request)).toThrow(expect.objectContaining({ kind: 'InvalidArgument', reason, param }));
    });

    it('refuses none that brings a picture, and one without only where a picture is needed', () => {
      expect(asked({ initImage })().initImage).toMatchObject({ strength: 0.5 });
      expect(asked({})().initImage).toBeUndefined();
      expect(asked({}, { ...editing, needsInitImage: true })).toThrow(expect.objectContaining({ reason: 'init_image_required' }));
    });

    it("takes the model's guidance scale, and says what will not act", () => {
      const request = asked({ negativePrompt: 'blurry', initImage: { ...initImage, strength: 0.9 } })();
      expect(request.guidanceScale).toBe(2.5);
      expect(noticesOfRequest(request, editing).map(({ kind }) => kind)).toEqual(['negative_prompt_ignored', 'init_strength_ignored']);
      expect(noticesOfRequest(asked({ initImage })(), editing)).toEqual([]);
    });
  });

  it('is either refused with a reason and a parameter, or within every limit', () => {
    const asked = fc.record({
      prompt: fc.string({ unit: 'binary', maxLength: 2_000 }),
      widthPx: fc.nat(2_000),
      heightPx: fc.nat(2_000),
      images: fc.nat(12),
      steps: fc.nat(80),
      guidanceScale: fc.double(),
      seed: fc.option(fc.bigInt({ min: -10n, max: 2n ** 40n }), { nil: undefined }),
      style: fc.constantFrom('', 'anime', 'NONE', 'x'),
    });
    fc.assert(
      fc.property(asked, ({ seed, ...rest }) => {
        const request = { ...rest, ...(seed === undefined ? {} : { seed }) };
        const { reason, param } = refusal(request);
        if (reason !== undefined) return expect(param).toBeTruthy();
        const made = full(request);
        expect(made.prompt.length).toBeGreaterThan(0);
        for (const side of [made.widthPx, made.heightPx]) expect(side % 8 === 0 && side >= 32 && side <= model.maxSidePx).toBe(true);
        expect(made.images >= 1 && made.images <= 8 && made.steps >= 1 && made.steps <= model.maxSteps).toBe(true);
        expect(made.guidanceScale >= 1 && made.guidanceScale <= 20 && Number.isInteger(made.seed) && styles.has(made.style)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
