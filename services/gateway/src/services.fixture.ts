import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { AccountSchema, BillState, QuoteSchema, type Account } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { ImageRequestSchema, type ImageRequest } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobSchema, JobState, WatchResponseSchema, type Job, type WatchResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { AssetKind } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { invalidArgument, notFound, type TesseraError } from '@tessera/platform/errors.js';
import { derivedId, newId } from '@tessera/platform/ids.js';
import { Rpc, type CallOptions } from '@tessera/rpc/rpc.js';
import { billingHandlers, type BillingCall } from './accounts/billing.fixture.js';
import { characterHandlers, type OwnedCharacter } from './characters/characters.fixture.js';
import { datasetHandlers } from './datasets/datasets.fixture.js';

export const leonardoLightning = 'b24e16ff-06e3-43eb-8d33-4416c2d75876';
export const picture = Buffer.from('a picture');

type Handler = (request: never, options: CallOptions) => unknown;

/** Billing, generation and storage with the behaviour that the gateway relies on and nothing else, in memory. */
export class SmallServices extends Rpc {
  readonly jobs = new Map<string, Job>();
  readonly accounts = new Map<string, Account>();
  readonly uploads = new Map<string, string>();
  readonly submissions: { idempotencyKey: string; request: ImageRequest; memberId: string; project: string; wallet: string }[] = [];
  readonly accepted = new Set<string>();
  readonly characters = new Map<string, OwnedCharacter>();
  /** What simulations were asked for. */
  readonly simulations: object[] = [];
  readonly billingCalls: BillingCall[] = [];
  requestsPerMinute = 0;
  /** Jobs end as soon as they are submitted. */
  endsAtOnce = true;
  /** What the next submission is refused with. */
  refusal: TesseraError | undefined;
  /** What a watcher of a whole account is told before it has caught up. */
  accountUpdates: MessageInitShape<typeof WatchResponseSchema>[] = [];
  /** Sequences after which whole accounts were watched, and how many still are. */
  readonly watchedAfter: string[] = [];
  watchers = 0;
  readonly #ended = new Map<string, (() => void)[]>();

  readonly #handlers: Record<string, Handler> = {
    ...billingHandlers(this.billingCalls, (accountId) => this.#account(accountId)),
    ...datasetHandlers,
    OpenAccount: ({ accountId, plan }: { accountId: string; plan: string }) => {
      if (!this.accounts.has(accountId))
        this.accounts.set(
          accountId,
          create(AccountSchema, {
            accountId,
            plan,
            balanceTokens: 1_000_000n,
            grantedTokens: 1_000_000n,
            createdMs: 1n,
            members: [{ memberId: 'ann' }],
          }),
        );
      return { account: this.#account(accountId) };
    },
    GetAccount: ({ accountId }: { accountId: string }) => ({ account: this.#account(accountId) }),
    TopUp: ({ accountId, operationId, tokens }: { accountId: string; operationId: string; tokens: bigint }) => {
      const account = this.#account(accountId);
      if (!this.uploads.has(operationId)) account.balanceTokens += tokens;
      this.uploads.set(operationId, 'used');
      return { account };
    },
    GetBill: ({ accountId, jobId }: { accountId: string; jobId: string }) => ({
      bill: {
        jobId,
        accountId,
        state: BillState.SETTLED,
        lane: 'fast',
        quote: this.#job(accountId, jobId).quote,
        chargedTokens: 8n,
        heldTokens: 8n,
      },
      balanceTokens: 999_992n,
    }),
    ListEntries: () => ({
      entries: [
        {
          sequence: 1n,
          operationId: 'open',
          kind: 'grant',
          postings: [{ ledgerAccount: 'bucket:fast', tokens: 5n }],
          createdMs: 1n,
          hash: 'ab',
          balanceAfterTokens: 5n,
        },
      ],
    }),
    Submit: (submit: {
      accountId: string;
      idempotencyKey: string;
      request: ImageRequest;
      memberId: string;
      project: string;
      wallet: string;
    }) => this.#submit(submit),
    Preview: ({ request }: { request: ImageRequest }) => ({ request: filled(request), quote: quote() }),
    Get: async ({ accountId, jobId, waitMs }: { accountId: string; jobId: string; waitMs: number }, { signal }: CallOptions) => {
      const job = this.#job(accountId, jobId);
      if (waitMs > 0 && job.state === JobState.QUEUED) await this.#untilEnded(jobId, signal);
      return { job: this.#job(accountId, jobId) };
    },
    List: ({ accountId, limit, offset }: { accountId: string; limit: number; offset: number }) => ({
      jobs: [...this.jobs.values()]
        .filter((job) => job.accountId === accountId)
        .reverse()
        .slice(offset, offset + limit),
    }),
    Cancel: ({ accountId, jobId }: { accountId: string; jobId: string }) => {
      const job = this.#job(accountId, jobId);
      if (job.state === JobState.QUEUED) job.state = JobState.CANCELLED;
      return { job };
    },
    Delete: ({ accountId, jobId }: { accountId: string; jobId: string }) => {
      this.#job(accountId, jobId);
      this.jobs.delete(jobId);
      return {};
    },
    ListModels: () => ({
      models: [
        {
          modelId: 'mosaic-3d',
          name: 'Mosaic 3D',
          description: 'Emoji scenes',
          leonardoId: leonardoLightning,
          isDefault: true,
          maxImages: 8,
        },
      ],
    }),
    GetOutcomes: () => ({ outcomes: [] }),
    DescribeQueue: () => ({ queuedJobs: this.jobs.size }),
    SignUrls: ({ assetIds }: { assetIds: string[] }) => ({
      urls: assetIds.map((assetId) => ({ assetId, url: `http://pictures.test/${assetId}.png`, isAccepted: this.accepted.has(assetId) })),
    }),
    MarkAsset: ({ assetId, isAccepted }: { assetId: string; isAccepted: boolean }) => {
      if (isAccepted) this.accepted.add(assetId);
      else this.accepted.delete(assetId);
      return { asset: { assetId, isAccepted } };
    },
    ...characterHandlers(this.characters),
    Quote: ({ wallet }: { wallet: string }) => ({ quote: { ...quote(), wallet } }),
    CreateUpload: ({ accountId, extension }: { accountId: string; extension: string }) => {
      const assetId = newId();
      this.uploads.set(assetId, accountId);
      return {
        assetId,
        key: `uploads/${assetId}.${extension}`,
        url: 'http://pictures.test/upload',
        fields: { key: 'k', policy: 'p' },
        expiresMs: 1n,
      };
    },
    PutUpload: ({ assetId }: { assetId: string }) => ({ asset: { assetId } }),
    GetAsset: ({ accountId, assetId }: { accountId: string; assetId: string }) => {
      const painted = [...this.jobs.values()].find(
        (job) => job.accountId === accountId && job.outputs.some((each) => each.assetId === assetId),
      );
      if (painted) return { asset: { assetId, accountId, kind: AssetKind.GENERATED, jobId: painted.jobId, createdMs: 1n } };
      if (this.uploads.get(assetId) !== accountId) throw notFound('unknown_asset', 'There is no such picture.');
      return { asset: { assetId, accountId, kind: AssetKind.UPLOADED, createdMs: 1n } };
    },
    DeleteAsset: ({ assetId }: { assetId: string }) => {
      this.uploads.delete(assetId);
      return {};
    },
  };

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const handler = this.#handlers[method.name];
    if (!handler) throw new Error(`No stand-in for ${method.name}`);
    return create(method.output, (await handler(create(method.input, request) as never, options)) as MessageInitShape<O>);
  }

  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    init: MessageInitShape<I>,
    { signal }: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>> {
    const request = create(method.input, init) as unknown as { jobId: string; accountId: string; afterSequence: string };
    if (method.name === 'SimulateCatalogue') this.simulations.push(request);
    if (method.name === 'Watch' && request.jobId === '')
      yield* this.#accountEvents(request.afterSequence, signal) as AsyncGenerator<MessageShape<O>>;
    else if (method.name === 'Watch') yield* this.#events(request) as AsyncGenerator<MessageShape<O>>;
    else if (method.name === 'ReadAsset')
      yield create(method.output, { part: { case: 'data', value: new Uint8Array(picture) } } as unknown as MessageInitShape<O>);
    else if (method.name === 'ExportEntries') yield create(method.output, { csv: 'sequence\r\n1\r\n' } as unknown as MessageInitShape<O>);
    else if (method.name === 'SimulateCatalogue')
      yield create(method.output, {
        accountId: 'one',
        plan: 'artisan',
        real: { spentTokens: 8n },
        simulated: { spentTokens: 16n },
      } as unknown as MessageInitShape<O>);
    else if (method.name === 'Reconcile')
      yield create(method.output, { result: { case: 'summary', value: { jobs: 3n } } } as unknown as MessageInitShape<O>);
    else if (method.name === 'Audit')
      yield create(method.output, { result: { case: 'summary', value: { accounts: 1n } } } as unknown as MessageInitShape<O>);
  }

  clientStream(): Promise<never> {
    throw new Error('nobody streams to it');
  }

  async close(): Promise<void> {}

  /** Ends a job well and wakes those who wait for it. */
  finish(jobId: string): void {
    const job = this.jobs.get(jobId);
    if (!job) throw new Error(`No job ${jobId}`);
    job.state = JobState.SUCCEEDED;
    job.chargedTokens = 8n;
    const images = (job.payload && anyUnpack(job.payload, ImageRequestSchema)?.images) || 1;
    job.outputs = create(JobSchema, {
      outputs: Array.from({ length: images }, (_, index) => ({
        assetId: derivedId(jobId, String(index)),
        index,
        widthPx: 512,
        heightPx: 512,
        contentType: 'image/png',
        sizeBytes: 9n,
      })),
    }).outputs;
    for (const wake of this.#ended.get(jobId)?.splice(0) ?? []) wake();
  }

  async *#accountEvents(afterSequence: string, signal: AbortSignal | undefined): AsyncGenerator<WatchResponse> {
    this.watchedAfter.push(afterSequence);
    this.watchers += 1;
    try {
      for (const update of this.accountUpdates) yield create(WatchResponseSchema, update);
      yield create(WatchResponseSchema, { sequence: 'c9', event: { case: 'caughtUp', value: {} } });
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
    } finally {
      this.watchers -= 1;
    }
  }

  async *#events({
    jobId,
    accountId,
    afterSequence,
  }: {
    jobId: string;
    accountId: string;
    afterSequence: string;
  }): AsyncGenerator<WatchResponse> {
    const job = this.#job(accountId, jobId);
    const events: WatchResponse[] = [
      create(WatchResponseSchema, { sequence: '1.0', event: { case: 'job', value: { ...job, state: JobState.RUNNING, outputs: [] } } }),
      create(WatchResponseSchema, { sequence: '1.1', event: { case: 'progress', value: { step: 1, steps: 2 } } }),
      create(WatchResponseSchema, {
        sequence: '1.2',
        event: { case: 'preview', value: { index: 0, step: 1, contentType: 'image/webp', data: new Uint8Array([1, 2, 3]) } },
      }),
      create(WatchResponseSchema, { sequence: '2.0', event: { case: 'job', value: job } }),
    ];
    yield* events.filter(({ sequence }) => sequence > afterSequence);
  }

  #submit({
    accountId,
    idempotencyKey,
    request,
    memberId,
    project,
    wallet,
  }: {
    accountId: string;
    idempotencyKey: string;
    request: ImageRequest;
    memberId: string;
    project: string;
    wallet: string;
  }) {
    if (this.refusal) throw this.refusal;
    if (request.prompt.trim() === '' && !request.operation)
      throw invalidArgument('prompt_empty', 'A prompt says what to paint; this one is empty.', { param: 'prompt' });
    this.submissions.push({ idempotencyKey, request, memberId, project, wallet });
    const jobId = idempotencyKey ? derivedId(accountId, idempotencyKey) : newId();
    const isReplay = this.jobs.has(jobId);
    if (!isReplay)
      this.jobs.set(
        jobId,
        create(JobSchema, {
          jobId,
          kind: 'image',
          accountId,
          state: JobState.QUEUED,
          payload: anyPack(ImageRequestSchema, filled(request)),
          quote: quote(),
          createdMs: 1_700_000_000_000n,
          lane: 'fast',
        }),
      );
    if (this.endsAtOnce) this.finish(jobId);
    return { job: this.jobs.get(jobId), isReplay, ...(isReplay ? {} : { balanceTokens: 999_992n }) };
  }

  #untilEnded(jobId: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#ended.set(jobId, [...(this.#ended.get(jobId) ?? []), resolve]);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  #job(accountId: string, jobId: string): Job {
    const job = this.jobs.get(jobId);
    if (job?.accountId !== accountId) throw notFound('unknown_job', 'There is no such job.');
    return job;
  }

  #account(accountId: string): Account {
    const account = this.accounts.get(accountId);
    if (!account) throw notFound('unknown_account', 'There is no such account.');
    account.limits = create(AccountSchema, { limits: { requestsPerMinute: this.requestsPerMinute, concurrentJobs: 64 } }).limits;
    return account;
  }
}

const quote = () =>
  create(QuoteSchema, { catalogueVersion: 'test', totalTokens: 8n, lines: [{ kind: 'compute', description: '1 image', tokens: 8n }] });

const filled = (request: ImageRequest): ImageRequest =>
  create(ImageRequestSchema, {
    ...request,
    modelId: 'mosaic-3d',
    widthPx: request.widthPx || 512,
    heightPx: request.heightPx || 512,
    steps: request.steps || 20,
    guidanceScale: request.guidanceScale || 7,
    seed: request.seed ?? 7n,
  });
