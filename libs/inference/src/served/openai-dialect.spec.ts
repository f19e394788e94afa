import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { batchOf, generated, imagesReply, openServed, type OpenServed, pictureOf, SmallServer } from './small-server.fixture.js';

const square = (sidePx: number, background: string) =>
  sharp({ create: { width: sidePx, height: sidePx, channels: 3, background } })
    .png()
    .toBuffer();

/** Black at the left, white at the right. */
const rightHalf = async () =>
  sharp(await square(128, '#000000'))
    .composite([
      {
        input: await sharp({ create: { width: 64, height: 128, channels: 3, background: '#ffffff' } })
          .png()
          .toBuffer(),
        left: 64,
        top: 0,
      },
    ])
    .png()
    .toBuffer();

const pixelsOf = (bytes: Uint8Array) => sharp(bytes).raw().toBuffer({ resolveWithObject: true });

describe("OpenAI's wire", () => {
  let server: SmallServer;
  let opened: OpenServed[];
  beforeAll(async () => {
    server = await SmallServer.start(imagesReply);
  });
  beforeEach(() => {
    server.behaves = imagesReply;
    server.seen.length = 0;
    opened = [];
  });
  afterEach(async () => {
    for (const each of opened) await each.close();
  });
  afterAll(() => server.close());
  const open = async (kind: string, fields: object = {}) => {
    const served = await openServed({ pipeline: 'openai-server', kind, server: { url: `${server.origin}/v1` }, ...fields });
    opened.push(served);
    return served.engine;
  };

  describe.each(['vllm-omni', 'sglang-diffusion'])('to a server of the kind %s', (kind) => {
    it('carries what the request says in the names of that server', async () => {
      const engine = await open(kind, { constants: { user: 'tessera' } });
      const { notices } = await generated(engine, batchOf({ negativePrompt: 'a worm' }, { widthPx: 256, steps: 9, guidanceScale: 3.5 }));
      expect(server.of('POST', '/v1/images/generations').map(({ json }) => json)).toEqual([
        {
          model: 'org/model',
          prompt: 'a red apple',
          negative_prompt: 'a worm',
          n: 1,
          size: '256x128',
          seed: 7,
          num_inference_steps: 9,
          guidance_scale: 3.5,
          response_format: 'b64_json',
          user: 'tessera',
        },
      ]);
      expect(notices).toEqual([]);
    });

    it('asks for each picture by itself, with its own seed', async () => {
      const engine = await open(kind);
      const { images } = await generated(engine, batchOf({ images: 3 }));
      expect(server.seen.map(({ json }) => [json['n'], json['seed']])).toEqual([
        [1, 7],
        [1, 8],
        [1, 9],
      ]);
      expect(images.map(({ index }) => index)).toEqual([0, 1, 2]);
      expect(Buffer.from(images[2]!.image.bytes)).toEqual(await pictureOf('a red apple 9', 128, 128));
    });

    it('does not send what the model ignores, and says so', async () => {
      const engine = await open(kind, { ignores: ['negativePrompt', 'guidanceScale'] });
      const { notices } = await generated(engine, batchOf({ negativePrompt: 'a worm', style: 'ANIME' }, { guidanceScale: 3 }));
      expect(server.seen[0]!.json).not.toHaveProperty('negative_prompt');
      expect(server.seen[0]!.json).not.toHaveProperty('guidance_scale');
      expect(notices).toEqual(['guidance_scale_ignored', 'negative_prompt_ignored', 'style_left_out']);
    });
  });

  it('sends the guidance scale as the argument that the model guides by', async () => {
    await generated(await open('vllm-omni', { guidanceArgument: 'true_cfg_scale' }), batchOf({}, { guidanceScale: 4 }));
    expect(server.seen[0]!.json).toMatchObject({ true_cfg_scale: 4 });
    expect(server.seen[0]!.json).not.toHaveProperty('guidance_scale');
  });

  it('asks OpenAI for all pictures at once, without what it does not know, and says what that leaves out', async () => {
    const engine = await open('openai', { sizes: ['1024x1024', '1536x1024'], constants: { quality: 'high' } });
    const { images, notices } = await generated(
      engine,
      batchOf({ images: 3, negativePrompt: 'a worm' }, { widthPx: 1024, heightPx: 1024, steps: 30 }),
    );
    expect(server.seen.map(({ json }) => json)).toEqual([
      { model: 'org/model', prompt: 'a red apple', n: 3, size: '1024x1024', quality: 'high' },
    ]);
    expect(images).toHaveLength(3);
    expect(notices).toEqual(['seed_ignored', 'steps_ignored', 'negative_prompt_ignored']);
  });

  it('refuses a size that the provider does not list before anything is sent', async () => {
    const engine = await open('openai', { sizes: ['1024x1024'] });
    await expect(generated(engine, batchOf())).rejects.toMatchObject({ kind: 'InvalidArgument', reason: 'unsupported_size' });
    expect(server.seen).toEqual([]);
  });

  it('tells how the provider has rewritten the prompt', async () => {
    server.behaves = async (seen) => {
      const { json } = await imagesReply(seen);
      const { data } = json as { data: object[] };
      return { json: { data: data.map((each) => ({ ...each, revised_prompt: 'A very red apple.' })) } };
    };
    const { notices } = await generated(await open('vllm-omni'), batchOf());
    expect(notices).toEqual(['prompt_revised']);
  });

  it('delivers a picture of another size as it is, and says so', async () => {
    server.behaves = async () => ({ json: { data: [{ b64_json: (await square(96, '#00ff00')).toString('base64') }] } });
    const { images, notices } = await generated(await open('vllm-omni'), batchOf());
    expect(images[0]!.image).toMatchObject({ widthPx: 96, heightPx: 96, contentType: 'image/png' });
    expect(notices).toEqual(['size_differs']);
  });

  it('sends a picture to edit at the delivered size, and says that an instruction has no strength', async () => {
    const engine = await open('sglang-diffusion', { edits: 'picture' });
    const { notices } = await generated(engine, batchOf({ initImage: { bytes: await square(300, '#0000ff'), strength: 0.8 } }));
    const [seen] = server.of('POST', '/v1/images/edits');
    const sent = seen!.form!.get('image') as File;
    expect((await pixelsOf(new Uint8Array(await sent.arrayBuffer()))).info).toMatchObject({ width: 128, height: 128 });
    expect(seen!.form!.get('seed')).toBe('7');
    expect(notices).toEqual(['init_strength_ignored']);
  });

  it('refuses a mask where there is none on the wire', async () => {
    const engine = await open('sglang-diffusion', { edits: 'picture' });
    const initImage = { bytes: await square(128, '#0000ff'), strength: 0, mask: await rightHalf() };
    await expect(generated(engine, batchOf({ initImage }))).rejects.toMatchObject({ reason: 'unsupported_mask' });
    expect(server.seen).toEqual([]);
  });

  it.each([
    ['vllm-omni', 'image', 'mask_image', [255, 255, 255], {}],
    ['openai', 'image[]', 'mask', [0, 0, 0, 0], { sizes: ['128x128'] }],
  ] as const)(
    'marks what is generated anew as %s reads it, and keeps the rest to the byte',
    async (kind, imageField, maskField, repainted, fields) => {
      const engine = await open(kind, { edits: 'mask', ...fields });
      const initImage = { bytes: await square(128, '#0000ff'), strength: 0, mask: await rightHalf() };
      const { images } = await generated(engine, batchOf({ initImage }));
      const [seen] = server.of('POST', '/v1/images/edits');
      expect(seen!.form!.get(imageField)).toBeInstanceOf(File);
      const mask = await sharp(new Uint8Array(await (seen!.form!.get(maskField) as File).arrayBuffer()))
        .toColourspace('srgb')
        .raw()
        .toBuffer({ resolveWithObject: true });
      const at = (x: number) => [...mask.data.subarray(x * mask.info.channels, (x + 1) * mask.info.channels)];
      expect(at(100)).toEqual(repainted);
      expect(at(10)).not.toEqual(repainted);
      const { data } = await pixelsOf(images[0]!.image.bytes);
      for (let y = 0; y < 128; y += 1)
        expect([...data.subarray(3 * 128 * y, 3 * 128 * y + 3 * 60)].every((value, k) => value === (k % 3 === 2 ? 255 : 0))).toBe(true);
      expect([...data.subarray(3 * 120, 3 * 121)]).not.toEqual([0, 0, 255]);
    },
  );

  it('finds out whether the server is there without a picture', async () => {
    const engine = await open('vllm-omni');
    await expect(engine.isFit('remote-model', new AbortController().signal)).resolves.toBe(true);
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v1/models']);
    server.behaves = () => ({ status: 503, json: { detail: 'still loading' } });
    await expect(engine.isFit('remote-model', new AbortController().signal)).rejects.toMatchObject({
      kind: 'Unavailable',
      message: expect.stringContaining('still loading'),
    });
  });

  it('takes the address from the environment where the manifest names a variable', async () => {
    const served = await openServed(
      { pipeline: 'openai-server', kind: 'vllm-omni', server: { url: 'http://127.0.0.1:1/v1', urlEnv: 'FLUX_URL' } },
      { FLUX_URL: `${server.origin}/behind/v1/` },
    );
    opened.push(served);
    await generated(served.engine, batchOf());
    expect(server.seen.map(({ path }) => path)).toEqual(['/behind/v1/images/generations']);
  });
});
