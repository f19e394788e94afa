import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { deadlineExceeded, refusal, type Reason } from '@tessera/platform/errors.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';

const generations = '/api/rest/v1/generations';
const images = '/v1/images/generations';
const uuid = '0199aaaa-0000-7000-8000-000000000000';

describe('refusals', () => {
  let gateway: OpenGateway;
  beforeAll(async () => {
    gateway = await openGateway();
  });
  afterAll(() => gateway.close());
  afterEach(() => {
    const { services } = gateway;
    services.refusal = undefined;
    services.endsAtOnce = true;
    services.jobs.clear();
    // The method of the class again.
    delete (services as { unary?: unknown }).unary;
  });

  const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const answer = await gateway.fetch(path, { method: 'POST', body: JSON.stringify(body), headers });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, any> };
  };

  it('lead to a page that explains the reason', async () => {
    const { body } = await post(generations, {});
    const page = await gateway.fetch(body['doc'], { headers: { authorization: '' } });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(await page.text()).toContain('<h1><code>missing_field</code></h1>');
    expect(await (await gateway.fetch('/docs/errors')).text()).toContain(`href="${body['doc']}"`);
    const none = await gateway.fetch('/docs/errors/constructor');
    expect([none.status, await none.json()]).toEqual([404, expect.objectContaining({ type: 'unknown_route' })]);
  });

  it.each<[string, string, Record<string, unknown>, string | undefined]>([
    ['model_id', generations, { modelId: 'x' }, 'modelId'],
    ['adapters', generations, {}, 'elements'],
    ['guidance', generations, {}, 'controlnets'],
    ['init_image_id', generations, { init_generation_image_id: uuid }, 'init_generation_image_id'],
    ['init_image_id', generations, { canvasRequest: true, canvasRequestType: 'IMG2IMG', canvasInitId: uuid }, 'canvasInitId'],
    ['presetStyle', generations, {}, 'presetStyle'],
    ['deadline_ms', generations, {}, undefined],
    ['operation_id', generations, {}, undefined],
    ['width', images, { size: '512x512' }, 'size'],
    ['num_images', images, { n: 3 }, 'n'],
    ['model_id', images, { model: 'x' }, 'model'],
    ['presetStyle', images, {}, undefined],
  ])('name %s of the services, on %s with %j, as the caller wrote it', async (param, path, body, written) => {
    gateway.services.refusal = refusal('invalid_field', 'No.', { param });
    const answer = (await post(path, { prompt: 'x', ...body })).body;
    expect(path === images ? (answer['error'].param ?? undefined) : answer['param']).toBe(written);
  });

  it('name the header of a key that was used before', async () => {
    gateway.services.refusal = refusal('idempotency_key_reused', 'No.', { param: 'idempotency_key' });
    expect(await post(generations, { prompt: 'x' }, { 'idempotency-key': 'k' })).toMatchObject({
      status: 409,
      body: { param: 'Idempotency-Key', type: 'idempotency_key_reused' },
    });
  });

  it.each(['bill', 'events', 'cancel'])('of an id that is none are those of an id that is nobody’s: /%s', async (part) => {
    const [none, nobodys] = await Promise.all(
      ['no-id', uuid].map(async (id) => {
        const answer = await gateway.fetch(`${generations}/${id}/${part}`, { method: part === 'cancel' ? 'POST' : 'GET' });
        return { status: answer.status, param: ((await answer.json()) as { param?: string }).param ?? 'id' };
      }),
    );
    expect(none).toEqual(nobodys);
  });

  describe('of OpenAI’s route', () => {
    it.each<[Reason, number]>([
      ['insufficient_tokens', 402],
      ['unknown_model', 400],
      ['idempotency_key_reused', 409],
      ['broken_model', 500],
    ])('tell its clients that %s is final', async (reason, status) => {
      gateway.services.refusal = refusal(reason, 'No.');
      const answer = await post(images, { prompt: 'x' });
      expect([answer.status, answer.headers.get('x-should-retry')]).toEqual([status, 'false']);
    });

    it.each<Reason>(['queue_full', 'billing_unavailable'])('let them repeat after %s, which made no job', async (reason) => {
      gateway.services.refusal = refusal(reason, 'Later.', { retryAfterMs: 1000 });
      expect((await post(images, { prompt: 'x' })).headers.get('x-should-retry')).toBeNull();
    });

    it('are final where nobody knows whether there is a job, unless a key would tell', async () => {
      gateway.services.refusal = deadlineExceeded('deadline_exceeded', 'Submit took too long.');
      expect((await post(images, { prompt: 'x' })).headers.get('x-should-retry')).toBe('false');
      expect((await post(images, { prompt: 'x' }, { 'idempotency-key': 'k' })).headers.get('x-should-retry')).toBeNull();
    });

    it('are final for a wrong key, an unknown path and a body of another type', async () => {
      const answers = await Promise.all([
        gateway.fetch('/v1/models', { headers: { authorization: 'Bearer nobody' } }),
        gateway.fetch('/v1/nowhere'),
        gateway.fetch(images, { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }),
      ]);
      expect(answers.map(({ status, headers }) => [status, headers.get('x-should-retry')])).toEqual([
        [401, 'false'],
        [404, 'false'],
        [415, 'false'],
      ]);
    });

    /** A call whose job waits, as the server sees it. */
    const waiting = async () => {
      gateway.services.endsAtOnce = false;
      const answer = post(images, { prompt: 'slow' });
      while (gateway.services.jobs.size === 0) await new Promise((resolve) => setImmediate(resolve));
      const [job] = gateway.services.jobs.values();
      return { answer, job: job! };
    };

    const end = (jobId: string, state: JobState, failure?: { reason: string; message: string }) => {
      gateway.services.finish(jobId);
      const job = gateway.services.jobs.get(jobId)!;
      job.state = state;
      if (failure) job.failure = { ...failure } as never;
    };

    it.each([
      ['engine_error', 'The engine broke down.', 500, 'job_failed'],
      ['lease_lost', 'The workers fell silent.', 500, 'job_failed'],
      ['unreadable_mask', 'The mask could not be read.', 400, 'unreadable_mask'],
    ])('call a job that ended with %s failed for good', async (reason, message, status, code) => {
      const { answer, job } = await waiting();
      end(job.jobId, JobState.FAILED, { reason, message });
      const { headers, body, ...answered } = await answer;
      expect([answered.status, headers.get('x-should-retry'), body['error'].code]).toEqual([status, 'false', code]);
      expect(body['error'].message).toContain(message);
    });

    it('call a cancelled job a matter of state', async () => {
      const { answer, job } = await waiting();
      end(job.jobId, JobState.CANCELLED);
      const { status, headers, body } = await answer;
      expect([status, headers.get('x-should-retry'), body['error'].code]).toEqual([409, 'false', 'job_ended']);
    });

    it('say after the wait that the job goes on, which one it is and where to look', async () => {
      const { services } = gateway;
      services.endsAtOnce = false;
      const unary = services.unary.bind(services);
      // Each part of the wait is over at once.
      services.unary = ((method: { name: string }, request: object, options: object) =>
        unary(method as never, (method.name === 'Get' ? { ...request, waitMs: 0 } : request) as never, options)) as never;
      const { status, headers, body } = await post(images, { prompt: 'slow' });
      const [jobId] = services.jobs.keys();
      expect([status, headers.get('x-should-retry'), body['error'].code]).toEqual([504, 'false', 'still_painting']);
      expect(body['error'].message).toContain(`/api/rest/v1/generations/${jobId}`);
      expect((await gateway.fetch(`${generations}/${jobId}`)).status).toBe(200);
    });

    it('name the job when it cannot be watched any longer', async () => {
      const { services } = gateway;
      const unary = services.unary.bind(services);
      services.unary = (async (method: { name: string }, request: object, options: object) => {
        if (method.name === 'Get') throw refusal('service_unavailable', 'Gone.');
        return unary(method as never, request as never, options);
      }) as never;
      const { headers, body } = await post(images, { prompt: 'x' });
      expect([headers.get('x-should-retry'), body['error'].code]).toEqual(['false', 'result_unavailable']);
      expect(body['error'].message).toContain([...services.jobs.keys()][0]);
    });
  });
});
