import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Leonardo } from '@leonardo-ai/sdk';
import { CanvasRequestType, PricingCalculatorServices } from '@leonardo-ai/sdk/sdk/models/shared/index.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';
import { leonardoLightning } from '../services.fixture.js';

describe("Leonardo's own SDK against the gateway", () => {
  let gateway: OpenGateway;
  let sdk: Leonardo;
  beforeAll(async () => {
    gateway = await openGateway();
    sdk = new Leonardo({ bearerAuth: gateway.key, serverURL: `${gateway.url}/api/rest/v1` });
  });
  afterAll(() => gateway.close());

  const create = async () => (await sdk.image.createGeneration({ prompt: 'a red apple' })).object?.sdGenerationJob;

  it('creates a generation with the defaults that it injects, and reads its cost', async () => {
    const job = await create();
    expect(job).toMatchObject({ apiCreditCost: 8, cost: { amount: '8', unit: 'CREDITS' } });
    expect(gateway.services.submissions.at(-1)?.request).toMatchObject({
      images: 4,
      widthPx: 1024,
      heightPx: 768,
      modelId: leonardoLightning,
      style: 'DYNAMIC',
    });
  });

  it('reads a finished generation with its pictures', async () => {
    const job = await create();
    const { object } = await sdk.image.getGenerationById(job?.generationId ?? '');
    expect(object?.generationsByPk).toMatchObject({
      id: job?.generationId,
      status: 'COMPLETE',
      modelId: leonardoLightning,
      imageWidth: 1024,
      seed: 7,
      prompt: 'a red apple',
      presetStyle: 'DYNAMIC',
    });
    expect(object?.generationsByPk?.generatedImages).toHaveLength(4);
  });

  it('lists the generations of the user that /me names', async () => {
    await create();
    const me = (await sdk.user.getUserSelf()).object?.userDetails?.[0];
    expect(me).toMatchObject({ apiConcurrencySlots: 64, subscriptionTokens: 1_000_000, user: { username: 'owner' } });
    const { object } = await sdk.image.getGenerationsByUserId(me?.user?.id ?? '');
    expect(object?.generations?.[0]).toMatchObject({ status: 'COMPLETE' });
  });

  it('deletes a generation', async () => {
    const id = (await create())?.generationId ?? '';
    expect((await sdk.image.deleteGenerationById(id)).object?.deleteGenerationsByPk?.id).toBe(id);
    await expect(sdk.image.getGenerationById(id)).rejects.toMatchObject({ statusCode: 404 });
  });

  it('uploads, reads and deletes an init image', async () => {
    const upload = (await sdk.initImages.uploadInitImage({ extension: 'png' })).object?.uploadInitImage;
    expect(JSON.parse(upload?.fields ?? '')).toEqual({ key: 'k', policy: 'p' });
    const id = upload?.id ?? '';
    expect((await sdk.initImages.getInitImageById(id)).object?.initImagesByPk?.id).toBe(id);
    expect((await sdk.initImages.deleteInitImageById(id)).object?.deleteInitImagesByPk?.id).toBe(id);
  });

  it('uploads a picture and a mask for the canvas', async () => {
    const upload = (await sdk.initImages.uploadCanvasInitImage({ initExtension: 'png', maskExtension: 'png' })).object
      ?.uploadCanvasInitImage;
    expect(JSON.parse(upload?.initFields ?? '')).toEqual({ key: 'k', policy: 'p' });
    const { object } = await sdk.image.createGeneration({
      prompt: 'a hat',
      canvasRequest: true,
      canvasRequestType: CanvasRequestType.Inpaint,
      canvasInitId: upload?.initImageId,
      canvasMaskId: upload?.maskImageId,
    });
    expect(object?.sdGenerationJob?.generationId).toEqual(expect.any(String));
    expect(gateway.services.submissions.at(-1)?.request?.initImage).toMatchObject({
      assetId: upload?.initImageId,
      maskAssetId: upload?.maskImageId,
    });
  });

  const madePicture = async () => {
    const { object } = await sdk.image.getGenerationById((await create())?.generationId ?? '');
    return object?.generationsByPk?.generatedImages?.[0]?.id ?? '';
  };

  it('enlarges a picture, cuts it out and reads both as variations', async () => {
    const pictureId = await madePicture();
    const job = (await sdk.variation.createVariationUpscale({ id: pictureId })).object?.sdUpscaleJob;
    expect(job).toMatchObject({ apiCreditCost: 8, cost: { amount: '8', unit: 'CREDITS' } });
    expect(gateway.services.submissions.at(-1)?.request?.operation).toMatchObject({ assetId: pictureId, kind: { case: 'upscale' } });
    const upscaled = (await sdk.variation.getVariationById(job?.id ?? '')).object?.generatedImageVariationGeneric?.[0];
    expect(upscaled).toMatchObject({ id: job?.id, status: 'COMPLETE', transformType: 'UPSCALE', url: expect.any(String) });

    const cutOut = (await sdk.variation.createVariationNoBG({ id: job?.id ?? '', isVariation: true })).object?.sdNobgJob;
    const { operation } = gateway.services.submissions.at(-1)!.request;
    expect(operation?.kind.case).toBe('removeBackground');
    expect(upscaled?.url).toContain(operation?.assetId);
    expect((await sdk.variation.getVariationById(cutOut?.id ?? '')).object?.generatedImageVariationGeneric?.[0]?.transformType).toBe(
      'NOBG',
    );
  });

  it('paints on around a picture by its own request', async () => {
    const pictureId = await madePicture();
    const job = (await sdk.variation.createVariationUnzoom({ id: pictureId, isVariation: false })).object?.sdUnzoomJob;
    expect(gateway.services.submissions.at(-1)?.request).toMatchObject({
      prompt: 'a red apple',
      images: 1,
      widthPx: 1024,
      heightPx: 768,
      initImage: { assetId: pictureId, placement: { widthPx: 683, heightPx: 512 } },
    });
    expect((await sdk.variation.getVariationById(job?.id ?? '')).object?.generatedImageVariationGeneric?.[0]?.transformType).toBe('UNZOOM');
    const upload = (await sdk.initImages.uploadInitImage({ extension: 'png' })).object?.uploadInitImage;
    await expect(sdk.variation.createVariationUnzoom({ id: upload?.id ?? '' })).rejects.toMatchObject({ statusCode: 400 });
    await expect(sdk.variation.getVariationById((await create())?.generationId ?? '')).rejects.toMatchObject({ statusCode: 404 });
  });

  it('lists models and asks for a price', async () => {
    expect((await sdk.models.listPlatformModels()).object?.customModels?.[0]).toMatchObject({ id: leonardoLightning, name: 'Mosaic 3D' });
    const price = await sdk.pricingCalculator.pricingCalculator({
      service: PricingCalculatorServices.ImageGeneration,
      serviceParams: { imageGeneration: { imageWidth: 512, imageHeight: 512, numImages: 2, inferenceSteps: 20 } },
    });
    expect(price.object?.calculateProductionApiServiceCost?.cost).toBe(8);
  });
});
