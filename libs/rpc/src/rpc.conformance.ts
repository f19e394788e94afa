import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { newTraceparent, traceIdOf, withTraceparent } from '@tessera/platform/trace.js';
import { seen } from './fixtures/echo.controller.js';
import type { Rpc, RpcClient } from './rpc.js';

/** The definition of the Rpc port. The handlers behind it are `fixtures/echo.controller.ts`. */
export function describeRpcConformance(name: string, open: () => Promise<{ rpc: Rpc; close(): Promise<void> }>): void {
  describe(`Rpc, ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let billing: RpcClient<typeof BillingService>;
    beforeAll(async () => {
      opened = await open();
      billing = opened.rpc.client(BillingService);
    });
    afterAll(() => opened.close());
    beforeEach(() => seen.reset());

    const failure = async (call: Promise<unknown>): Promise<TesseraError> => {
      const error = await call.then(
        () => new Error('the call succeeded'),
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(TesseraError);
      return error as TesseraError;
    };
    const collect = async <T>(stream: AsyncIterable<T>, take = Infinity): Promise<T[]> => {
      const items: T[] = [];
      for await (const item of stream) if (items.push(item) >= take) break;
      return items;
    };

    it('carries a request and its reply', async () => {
      const { account } = await billing.getAccount({ accountId: 'anna' });
      expect(account).toMatchObject({ accountId: 'anna', balanceTokens: 9_007_199_254_740_991n });
    });

    it('brings a refusal back with its kind, reason, sentence, parameter and retry time', async () => {
      const error = await failure(billing.getAccount({ accountId: 'refused' }));
      expect(error).toMatchObject({
        kind: 'ResourceExhausted',
        reason: 'engine_busy',
        message: 'Come back später.',
        param: 'größe',
        retryAfterMs: 1500,
        retryable: true,
      });
    });

    it('hides the message of an unexpected exception', async () => {
      const error = await failure(billing.getAccount({ accountId: 'broken' }));
      expect(error).toMatchObject({ kind: 'Internal', reason: 'internal' });
      expect(error.message).not.toContain('secret');
    });

    it('names an unexpected failure by the trace of the call', async () => {
      const traceparent = newTraceparent();
      const error = await failure(withTraceparent(traceparent, () => billing.getAccount({ accountId: 'broken' })));
      expect(error.message).toContain(traceIdOf(traceparent));
    });

    it('fails a call that outlives its deadline, and notifies the handler', async () => {
      const error = await failure(billing.getAccount({ accountId: 'slow' }, { deadlineMs: 60 }));
      expect(error).toMatchObject({ kind: 'DeadlineExceeded', retryable: true });
      await seen.cancelled;
    });

    it('cancels a call on both sides', async () => {
      const controller = new AbortController();
      const call = failure(billing.getAccount({ accountId: 'slow' }, { signal: controller.signal }));
      await seen.started;
      controller.abort();
      expect(await call).toMatchObject({ kind: 'Cancelled' });
      await seen.cancelled;
    });

    it('refuses a call whose signal has been aborted before', async () => {
      expect(await failure(billing.getAccount({ accountId: 'anna' }, { signal: AbortSignal.abort() }))).toMatchObject({
        kind: 'Cancelled',
      });
    });

    it('streams messages in order and ends', async () => {
      const findings = await collect(billing.audit({ accountId: 'five' }));
      expect(findings.map((message) => (message.result.case === 'finding' ? message.result.value.sequence : -1n))).toEqual([
        0n,
        1n,
        2n,
        3n,
        4n,
      ]);
    });

    it('brings a refusal in the middle of a stream after the messages before it', async () => {
      const received: unknown[] = [];
      const error = await failure(
        (async () => {
          for await (const message of billing.audit({ accountId: 'refused' })) received.push(message);
        })(),
      );
      expect(received).toHaveLength(2);
      expect(error).toMatchObject({ kind: 'FailedPrecondition', reason: 'job_ended' });
    });

    it('notifies the handler when the reader of a stream goes away', async () => {
      expect(await collect(billing.audit({ accountId: 'endless' }), 3)).toHaveLength(3);
      await seen.cancelled;
    });

    it('cancels a stream by its signal', async () => {
      const controller = new AbortController();
      const error = await failure(
        (async () => {
          for await (const _ of billing.audit({ accountId: 'endless' }, { signal: controller.signal })) controller.abort();
        })(),
      );
      expect(error).toMatchObject({ kind: 'Cancelled' });
      await seen.cancelled;
    });

    it('carries the trace context', async () => {
      const traceparent = newTraceparent();
      const { account } = await withTraceparent(traceparent, () => billing.getAccount({ accountId: 'traced' }));
      expect(account?.plan).toBe(traceparent);
    });
  });
}
