import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { StorageService, type PutOutputRequestSchema } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { newTraceparent, withTraceparent } from '@tessera/platform/trace.js';
import { seen } from './fixtures/echo.controller.js';
import { pieceBytes, streamed } from './fixtures/stream.controller.js';
import type { Rpc, RpcClient } from './rpc.js';

type Message = MessageInitShape<typeof PutOutputRequestSchema>;

/** Far more than either side may keep ahead of the other, and few enough that a test ends when nothing holds the writer. */
const piecesMax = 1_000;

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What the Rpc port promises of messages that a caller streams, and of replies that are bytes. The handlers behind it are `fixtures/stream.controller.ts`. */
export function describeStreamConformance(name: string, open: () => Promise<{ rpc: Rpc; close(): Promise<void> }>): void {
  describe(`streams of Rpc, ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let storage: RpcClient<typeof StorageService>;
    beforeAll(async () => {
      opened = await open();
      storage = opened.rpc.client(StorageService);
    });
    afterAll(() => opened.close());

    /** What became of the caller's own iterable. */
    let produced: number;
    let returned: Promise<void>;
    let onReturn: () => void;
    beforeEach(() => {
      seen.reset();
      Object.assign(streamed, { produced: 0, broke: undefined });
      produced = 0;
      returned = new Promise((resolve) => (onReturn = resolve));
    });

    async function* messages(accountId: string, pieces = piecesMax, then: () => void | Promise<void> = () => {}): AsyncGenerator<Message> {
      try {
        yield { part: { case: 'header', value: { accountId } } };
        for (; produced < pieces; produced++) {
          yield { part: { case: 'data', value: new Uint8Array(pieceBytes).fill(produced) } };
          await turn();
        }
        await then();
      } finally {
        onReturn();
      }
    }
    const put = (...args: Parameters<typeof messages>) => storage.putOutput(messages(...args));
    const never = () => new Promise<void>(() => {});

    it('carries every message in order, and the one reply', async () => {
      const { output } = await put('anna', 300);
      expect(output).toMatchObject({ index: 300, assetId: '0123456789', sizeBytes: BigInt(300 * pieceBytes) });
      await returned;
    });

    it('carries a stream without messages', async () => {
      async function* nothing(): AsyncGenerator<Message> {}
      expect((await storage.putOutput(nothing())).output).toMatchObject({ index: 0, sizeBytes: 0n });
    });

    it('carries a message of no bytes as any other, also as the last one', async () => {
      async function* empty(): AsyncGenerator<Message> {
        yield {};
        yield* messages('anna', 1);
        yield* [{}, {}];
      }
      expect((await storage.putOutput(empty())).output).toMatchObject({ index: 1, widthPx: 2 });
    });

    it('brings a refusal back before the messages have ended, and asks for no more of them', async () => {
      await expect(put('refused')).rejects.toMatchObject({
        kind: 'ResourceExhausted',
        reason: 'rate_limited',
        message: 'Come back später.',
        param: 'größe',
        retryAfterMs: 1500,
        retryable: true,
      });
      await returned;
      expect(produced).toBeLessThan(piecesMax);
    });

    it('hides what an unexpected exception says', async () => {
      const error = await put('broken').catch((reason: unknown) => reason as Error);
      expect(error).toMatchObject({ kind: 'Internal', reason: 'internal' });
      expect((error as Error).message).not.toContain('secret');
    });

    it('takes an answer that comes before the messages have ended', async () => {
      expect((await put('early')).output?.assetId).toBe('early');
      await returned;
      expect(produced).toBeLessThan(piecesMax);
    });

    it('answers although the caller never comes to its next message', async () => {
      async function* stuck(): AsyncGenerator<Message> {
        yield { part: { case: 'header', value: { accountId: 'early' } } };
        await never();
      }
      expect((await storage.putOutput(stuck())).output?.assetId).toBe('early');
    });

    it('throws what the messages broke off with as it is, and tells the handler that nothing more comes', async () => {
      const broken = new Error('the disk is gone');
      const call = put('anna', 3, async () => {
        await seen.started;
        throw broken;
      });
      await expect(call).rejects.toBe(broken);
      await seen.cancelled;
      expect(streamed.broke).toMatchObject({ kind: 'Cancelled' });
    });

    it('refuses what is no message, and tells the handler that nothing more comes', async () => {
      async function* wrong(): AsyncGenerator<Message> {
        yield* messages('anna', 1, () => seen.started);
        yield { part: { case: 'header', value: { index: 'three' as never } } };
      }
      await expect(storage.putOutput(wrong())).rejects.toMatchObject({ kind: 'Internal', reason: 'internal' });
      await seen.cancelled;
    });

    it('fails a call that outlives its deadline, and tells the handler', async () => {
      await expect(storage.putOutput(messages('slow'), { deadlineMs: 60 })).rejects.toMatchObject({
        kind: 'DeadlineExceeded',
        retryable: true,
      });
      await Promise.all([seen.cancelled, returned]);
    });

    it('cancels a call on both sides, also between two messages', async () => {
      const controller = new AbortController();
      const cancelsAndHangs = async () => {
        await seen.started;
        controller.abort();
        await never();
      };
      const call = storage.putOutput(messages('anna', 3, cancelsAndHangs), { signal: controller.signal });
      await expect(call).rejects.toMatchObject({ kind: 'Cancelled' });
      await seen.cancelled;
      expect(streamed.broke).toMatchObject({ kind: 'Cancelled' });
    });

    it('asks for nothing when its signal has been aborted before', async () => {
      await expect(storage.putOutput(messages('anna'), { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'Cancelled' });
      expect(produced).toBe(0);
    });

    it('keeps the caller from running ahead of a handler that is slow', async () => {
      const call = put('held');
      await seen.started;
      expect(await restOf(() => produced)).toBeLessThan(piecesMax / 2);
      streamed.letGo();
      expect((await call).output?.index).toBe(piecesMax);
    });

    it('keeps a handler of bytes from running ahead of a reader who is slow', async () => {
      const replies = storage.readAsset({})[Symbol.asyncIterator]();
      let next = await replies.next();
      expect(await restOf(() => streamed.produced)).toBeLessThan(piecesMax / 2);
      let pieces = 0;
      for (; !next.done && pieces < 600; next = await replies.next()) {
        const { part } = next.value;
        if (part.case !== 'data' || part.value[0] !== pieces % 256) throw new Error(`piece ${pieces} is not the one that comes next`);
        pieces += 1;
      }
      expect(pieces).toBe(600);
      await replies.return?.();
      await seen.cancelled;
    });

    it('carries the trace context, and leaves the caller its own', async () => {
      const traceparent = newTraceparent();
      const own = new AsyncLocalStorage<string>();
      const found: (string | undefined)[] = [];
      const call = () => withTraceparent(traceparent, () => put('anna', 1, () => void found.push(own.getStore())));
      expect((await own.run('the caller', call)).output?.contentType).toBe(traceparent);
      expect(found).toEqual(['the caller']);
    });
  });
}

/** Where a count comes to rest: it has not moved for hundreds of turns of the event loop. */
async function restOf(count: () => number): Promise<number> {
  let last = -1;
  while (last !== count()) {
    last = count();
    for (let turns = 0; turns < 300; turns++) await turn();
  }
  return last;
}
