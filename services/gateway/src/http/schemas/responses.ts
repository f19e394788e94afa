import { z } from 'zod';
import { presetStyles } from '../../generations/schemas/leonardo-enums.js';

/** What answers look like, for the API description. */

const tokens = z.int().min(0);
const time = z.iso.datetime();
const quote = z
  .object({
    catalogueVersion: z.string(),
    wallet: z.enum(['plan', 'credits']),
    lines: z.array(z.object({ kind: z.string(), description: z.string(), tokens })),
    totalTokens: tokens,
  })
  .meta({ id: 'Quote' });
const cost = z.object({ amount: z.string().describe('Whole tokens.'), unit: z.enum(['CREDITS', 'DOLLARS']) });
const state = z.enum(['accepted', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired', 'rejected']);
const notice = z.object({ kind: z.string(), message: z.string() });

const generation = z
  .object({
    id: z.uuid(),
    status: z.enum(['PENDING', 'COMPLETE', 'FAILED']),
    createdAt: time,
    prompt: z.string(),
    negativePrompt: z.string().optional(),
    modelId: z.string(),
    imageWidth: z.int(),
    imageHeight: z.int(),
    inferenceSteps: z.int(),
    guidanceScale: z.number(),
    seed: z.int().optional(),
    presetStyle: z.enum(presetStyles),
    initStrength: z.number().optional(),
    public: z.boolean(),
    generated_images: z.array(
      z.object({
        id: z.uuid(),
        url: z.url().describe('Opens without a key for a day.'),
        nsfw: z.boolean(),
        likeCount: z.int(),
        tessera: z.object({
          index: z.int(),
          width: z.int(),
          height: z.int(),
          contentType: z.string(),
          sizeBytes: z.int(),
          sha256: z.string(),
          isAccepted: z.boolean(),
        }),
      }),
    ),
    apiCreditCost: tokens,
    cost,
    tessera: z.object({
      state,
      model: z.string(),
      modelVersion: z.string().optional(),
      images: z.int(),
      operation: z
        .object({ kind: z.enum(['upscale', 'remove_background']), pictureId: z.uuid() })
        .optional()
        .describe('What was done with an existing picture; absent: painted.'),
      notices: z.array(notice),
      failureReason: z.string().optional(),
      failureMessage: z.string().optional(),
      bill: z.object({ quote: quote.optional(), chargedTokens: tokens }),
      lane: z.string(),
      attempt: z.int(),
      queuePosition: z.int(),
      startedAt: time.optional(),
      finishedAt: time.optional(),
      timings: z.object({ queuedMs: z.int(), paintingMs: z.int(), storingMs: z.int() }).optional(),
    }),
  })
  .meta({ id: 'Generation' });

const variationJob = z.object({
  id: z.uuid().describe('Of the variation, and of the generation that it is.'),
  apiCreditCost: tokens,
  cost,
  tessera: z.object({ state, isReplay: z.boolean(), quote, balanceTokens: z.int().optional() }),
});

const buckets = z.array(
  z.object({ bucket: z.enum(['daily', 'fast', 'rollover', 'topup']), balanceTokens: tokens, isFrozen: z.boolean().optional() }),
);
const limits = z.object({ requestsPerMinute: z.int(), concurrentJobs: z.int(), queuedJobs: z.int() }).describe('0 means unlimited.');

const account = z
  .object({
    accountId: z.uuid(),
    plan: z.string(),
    balanceTokens: tokens,
    heldTokens: tokens,
    spentTokens: tokens,
    grantedTokens: tokens,
    expiredTokens: tokens,
    frozenTokens: tokens.describe(
      'In the rollover bank of an account that does not pay. granted = balance + frozen + held + spent + expired.',
    ),
    buckets,
    limits,
    entitlements: z
      .object({
        planName: z.string(),
        forbidden: z.array(z.object({ capability: z.string(), plan: z.string().optional().describe('The cheapest that allows it.') })),
        relaxedKinds: z.array(z.string()),
        storedBytesMax: z.int().describe('0 means unlimited.'),
      })
      .optional()
      .describe('What the plan does not include is named; all else is allowed.'),
    openHolds: z.int(),
    createdAt: time,
    renewsAt: time.optional(),
    cycle: z
      .object({
        startedAt: time,
        allowanceTokens: tokens,
        bankCapTokens: tokens,
        usedTokens: tokens,
        seats: z.int(),
        membersMax: z.int(),
        hasRelaxedLane: z.boolean(),
        catalogueVersion: z.string(),
      })
      .optional(),
    nextPlan: z
      .object({ plan: z.string(), seats: z.int(), isCancellation: z.boolean(), isPause: z.boolean(), resumesAt: time.optional() })
      .optional(),
    pausedPlan: z.object({ plan: z.string(), seats: z.int(), resumesAt: time.optional() }).optional(),
    credits: z
      .object({
        balanceCredits: tokens,
        heldCredits: tokens,
        spentCredits: tokens,
        grantedCredits: tokens,
        lowBalanceCredits: tokens.optional(),
        openHolds: z.int(),
      })
      .optional()
      .describe('API credits, once some were bought.'),
    utcOffsetMinutes: z.int().optional(),
    spendCapTokens: tokens.optional(),
    lowBalanceTokens: tokens.optional(),
    members: z.array(z.object({ memberId: z.string(), capTokens: tokens.optional(), usedTokens: tokens })),
  })
  .meta({ id: 'Account' });

const position = z
  .object({
    at: time,
    lastEntry: z.int(),
    plan: z.string(),
    balanceTokens: tokens,
    frozenTokens: tokens,
    heldTokens: tokens,
    spentTokens: tokens,
    expiredTokens: tokens,
    grantedTokens: tokens,
    buckets,
  })
  .meta({ id: 'Position' });
const usageRow = z.object({
  key: z.string(),
  jobs: z.int(),
  imagesDelivered: z.int(),
  tokens: z.int(),
  imagesAccepted: z.int(),
  tokensPerImage: z.number().optional(),
  tokensPerAcceptedImage: z.number().optional(),
});
const billing = {
  plans: z.object({
    catalogueVersion: z.string(),
    plans: z.array(
      z.object({
        plan: z.string(),
        name: z.string(),
        priceCents: z.int().describe('Of a month, for each seat.'),
        cadence: z.enum(['monthly', 'daily', 'once']),
        seatTokens: tokens,
        seatBankTokens: tokens,
        seatsMin: z.int(),
        seatsMax: z.int(),
        hasRelaxedLane: z.boolean(),
        limits,
        aliases: z.array(z.string()),
        hasApi: z.boolean(),
        trainingsPerMonth: z.int(),
        storedModels: z.int(),
        motion: z.string(),
        apiTrack: z.enum(['plan', 'credits']),
      }),
    ),
    packs: z.array(z.object({ pack: z.string(), name: z.string(), tokens, priceCents: z.int(), wallet: z.enum(['plan', 'credits']) })),
  }),
  position,
  usage: z.object({ by: z.enum(['member', 'model', 'project', 'job', 'asset']), rows: z.array(usageRow), total: usageRow }),
  statement: z.object({
    opening: position,
    lines: z.array(
      z.object({
        kind: z.enum(['allowance', 'topup', 'reversed', 'charged', 'refunded', 'expired']),
        operations: z.int(),
        tokens: z.int(),
      }),
    ),
    closing: position,
  }),
};

const keyFields = {
  id: z.uuid(),
  prefix: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(['all', 'read'])),
  memberId: z.string().optional(),
  project: z.string().optional(),
  wallet: z.literal('credits').optional(),
  createdAt: time,
  revokedAt: time.optional(),
  lastUsedAt: time.optional(),
};
const key = z.object(keyFields).meta({ id: 'Key' });
const initImage = z.object({ id: z.uuid(), url: z.url(), createdAt: time });

const webhookFields = {
  id: z.uuid(),
  url: z.url(),
  events: z.array(z.string()),
  description: z.string().optional(),
  isEnabled: z.boolean(),
  createdAt: time,
};
const webhook = z.object(webhookFields).meta({ id: 'Webhook' });
const delivery = z
  .object({
    id: z.uuid().describe('Stable: the header `webhook-id` of every attempt.'),
    webhookId: z.uuid(),
    event: z.string(),
    state: z.enum(['pending', 'delivered', 'failed']),
    attempts: z.int(),
    createdAt: time,
    attemptedAt: time.optional(),
    nextAttemptAt: time.optional(),
    status: z.int().optional(),
    error: z.string().optional(),
    payload: z.looseObject({ type: z.string(), timestamp: time }),
  })
  .meta({ id: 'Delivery' });

const deadLetter = z
  .object({
    id: z.uuid(),
    group: z.string(),
    type: z.string(),
    key: z.string(),
    eventId: z.uuid(),
    attempts: z.int(),
    error: z.string(),
    failedAt: time,
  })
  .meta({ id: 'DeadLetter' });

const uploadForm = z.object({
  id: z.uuid(),
  key: z.string(),
  url: z.url(),
  fields: z.string().describe('JSON: the form fields to send before `file`.'),
});

export const responses = {
  created: z.object({
    sdGenerationJob: z.object({
      generationId: z.uuid().optional().describe('Absent on a dry run.'),
      apiCreditCost: tokens,
      cost,
      tessera: z.object({
        state: state.optional(),
        isReplay: z.boolean().optional(),
        dryRun: z.boolean().optional(),
        notices: z.array(notice).describe('What of the request will not act.'),
        balanceTokens: z.int().optional(),
        quote,
      }),
    }),
    generations_by_pk: generation.optional().describe('With `Prefer: wait`.'),
  }),
  pictureJob: z.object({
    generationId: z.uuid().optional().describe('Absent on a dry run.'),
    dryRun: z.boolean().optional(),
    state: state.optional(),
    isReplay: z.boolean().optional(),
    width: z.int(),
    height: z.int(),
    quote,
    balanceTokens: z.int().optional(),
    generation: generation.optional().describe('With `Prefer: wait`.'),
  }),
  variationUpscale: z.object({ sdUpscaleJob: variationJob }),
  variationNobg: z.object({ sdNobgJob: variationJob }),
  variationUnzoom: z.object({ sdUnzoomJob: variationJob }),
  variations: z.object({
    generated_image_variation_generic: z.array(
      z.object({
        id: z.uuid(),
        createdAt: time,
        status: z.enum(['PENDING', 'COMPLETE', 'FAILED']),
        transformType: z.enum(['UPSCALE', 'NOBG', 'UNZOOM']),
        url: z.url().optional().describe('Opens without a key for a day.'),
        tessera: z.object({
          state,
          width: z.int(),
          height: z.int(),
          chargedTokens: tokens,
          imageId: z.uuid().optional(),
          contentType: z.string().optional(),
          failureReason: z.string().optional(),
          failureMessage: z.string().optional(),
        }),
      }),
    ),
  }),
  generation: z.object({ generations_by_pk: generation }),
  generations: z.object({
    generations: z.array(generation),
    tessera: z.object({ nextPageToken: z.string() }).optional().describe('Absent on the last page.'),
  }),
  deletedGeneration: z.object({ delete_generations_by_pk: z.object({ id: z.uuid() }) }),
  bill: z.object({
    jobId: z.uuid(),
    state: z.enum(['held', 'settled', 'released']),
    lane: z.string(),
    wallet: z.enum(['plan', 'credits']),
    quote: quote.optional(),
    chargedLines: quote.shape.lines,
    heldTokens: tokens,
    chargedTokens: tokens,
    returnedTokens: tokens,
    balanceTokens: tokens,
  }),
  user: z.object({
    user_details: z.array(
      z.object({
        user: z.object({ id: z.uuid(), username: z.string() }),
        subscriptionTokens: tokens,
        paidTokens: tokens,
        subscriptionGptTokens: tokens,
        subscriptionModelTokens: tokens,
        apiSubscriptionTokens: tokens,
        apiPaidTokens: tokens,
        apiConcurrencySlots: z.int(),
        tokenRenewalDate: time.optional(),
        apiPlanTokenRenewalDate: time.optional(),
      }),
    ),
  }),
  account,
  entries: z.object({
    entries: z.array(
      z.object({
        sequence: z.int(),
        operationId: z.string(),
        kind: z.string(),
        jobId: z.uuid().optional(),
        createdAt: time,
        hash: z.string(),
        balanceAfterTokens: tokens,
        postings: z.array(z.object({ ledgerAccount: z.string(), lotId: z.string().optional(), tokens: z.int() })),
      }),
    ),
    nextPageToken: z.string().optional(),
  }),
  webhook,
  webhooks: z.object({ webhooks: z.array(webhook) }),
  secretWebhook: z.object({ ...webhookFields, secret: z.string().describe('Signs every delivery; shown here and never again.') }),
  removedWebhook: z.object({ id: z.uuid() }),
  delivery,
  deadLetters: z.object({ deadLetters: z.array(deadLetter) }),
  redrivenLetter: z.object({ id: z.uuid() }),
  deliveries: z.object({ deliveries: z.array(delivery), nextPageToken: z.string().optional() }),
  quoted: z.object({ quote }),
  marked: z.object({ id: z.uuid(), accepted: z.boolean() }),
  payment: z.object({ outcome: z.enum(['applied', 'repeated']), account }),
  paymentOutcome: z.object({ outcome: z.enum(['applied', 'repeated', 'outdated', 'ignored', 'waiting']) }),
  payments: z.object({
    payments: z.array(
      z
        .object({
          paymentId: z.string().describe("The provider's name, a colon, and the provider's id."),
          provider: z.string(),
          accountId: z.string(),
          pack: z.string().optional(),
          subscriptionId: z.string().optional(),
          amount: z.int().optional().describe("In the currency's smallest unit."),
          currency: z.string().optional(),
          date: time.optional(),
          state: z.enum(['received', 'waiting', 'paid', 'partly_refunded', 'refunded', 'disputed', 'lost']),
          waitsFor: z.string().optional().describe('The reason for which the account may not have it.'),
          tokens: tokens.optional(),
          wallet: z.enum(['plan', 'credits']).optional(),
          refundedAmount: z.int(),
          lostAmount: z.int().describe('In disputes.'),
          refundedTokens: tokens.describe('Asked back; what was spent before stays spent.'),
          period: z.object({ from: time, to: time }).optional().describe('What an invoice pays for.'),
        })
        .meta({ id: 'PaymentRecord' }),
    ),
    nextPageToken: z.string().optional(),
  }),
  lint: z.object({
    findings: z.array(z.object({ severity: z.enum(['error', 'warning']), path: z.string(), code: z.string(), message: z.string() })),
  }),
  plans: billing.plans,
  position: billing.position,
  usage: billing.usage,
  statement: billing.statement,
  queue: z.object({
    queuedJobs: z.int(),
    runningJobs: z.int(),
    accountQueuedJobs: z.int(),
    accountRunningJobs: z.int(),
    oldestWaitMs: z.int(),
  }),
  models: z.object({
    custom_models: z.array(
      z.object({
        id: z.uuid(),
        name: z.string(),
        description: z.string(),
        featured: z.boolean(),
        nsfw: z.boolean(),
        tessera: z.looseObject({ model: z.string() }),
      }),
    ),
  }),
  price: z.object({ calculateProductionApiServiceCost: z.object({ cost: tokens, tessera: z.object({ quote }) }) }),
  upload: z.object({ uploadInitImage: uploadForm }),
  adapterUpload: z.object({ uploadAdapter: uploadForm }),
  adapter: z.object({
    adapter: z.object({
      id: z.uuid().describe('For `elements[].akUUID`.'),
      createdAt: time,
      format: z.enum(['kohya', 'diffusers', 'peft', 'original']),
      family: z.string().describe('As `tessera.adapterFamily` of the models that take it; empty: it cannot be told.'),
      sizeBytes: z.int(),
      sha256: z.string(),
    }),
  }),
  deletedAdapter: z.object({ deletedAdapter: z.object({ id: z.uuid() }) }),
  canvasUpload: z.object({
    uploadCanvasInitImage: z.object({
      initImageId: z.uuid(),
      initKey: z.string(),
      initUrl: z.url(),
      initFields: z.string(),
      maskImageId: z.uuid(),
      maskKey: z.string(),
      maskUrl: z.url(),
      maskFields: z.string(),
    }),
  }),
  initImage: z.object({ init_images_by_pk: initImage }),
  deletedInitImage: z.object({ delete_init_images_by_pk: z.object({ id: z.uuid() }) }),
  createdKey: z.object({ ...keyFields, key: z.uuid().describe('Shown here and never again.') }),
  key,
  keys: z.object({ keys: z.array(key) }),
  openAiImages: z.object({
    created: z.int(),
    data: z.array(z.object({ url: z.url().optional(), b64_json: z.string().optional() })),
    usage: z.looseObject({ total_tokens: tokens }),
  }),
  openAiModels: z.object({
    object: z.literal('list'),
    data: z.array(z.object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })),
  }),
  health: z.object({ status: z.literal('ok') }),
  readiness: z.object({ status: z.enum(['ok', 'degraded', 'not_ready']), checks: z.record(z.string(), z.enum(['ok', 'failed'])) }),
  error: z
    .object({
      error: z.string().describe('One sentence for a person.'),
      path: z.string(),
      code: z.string(),
      type: z.string().describe('Stable; branch on this.'),
      param: z.string().optional(),
      doc: z.string(),
      requestId: z.string(),
    })
    .meta({ id: 'Error' }),
  openAiError: z
    .object({ error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }) })
    .meta({ id: 'OpenAiError' }),
};
