import { create, type DescMessage, type DescMethodUnary, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { ReserveResponseSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { ManualClock } from '@tessera/platform/clock.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { AccountPlans } from './account-plans.js';

/** Billing as far as the look-up asks it. */
class SmallBilling extends Rpc {
  concurrentJobs = 3;
  asked = 0;

  async unary<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>): Promise<MessageShape<O>> {
    this.asked++;
    return create(method.output, { account: { limits: { concurrentJobs: this.concurrentJobs } } } as unknown as MessageInitShape<O>);
  }

  async *stream(): AsyncGenerator<never> {}

  clientStream(): Promise<never> {
    throw new Error('nobody streams to it');
  }

  async close(): Promise<void> {}
}

describe("an account's plan", () => {
  it('is asked for once within five seconds, and a change is felt after that', async () => {
    const [billing, clock] = [new SmallBilling(), new ManualClock()];
    const plans = new AccountPlans(billing, clock);
    expect((await plans.of('acme')).concurrentJobsMax).toBe(3);
    billing.concurrentJobs = 5;
    clock.advance(4_999);
    expect((await plans.of('acme')).concurrentJobsMax).toBe(3);
    clock.advance(1);
    expect((await plans.of('acme')).concurrentJobsMax).toBe(5);
    expect(billing.asked).toBe(2);
  });

  it('is learnt from any answer that says it', async () => {
    const billing = new SmallBilling();
    const plans = new AccountPlans(billing, new ManualClock());
    plans.learn(
      'acme',
      create(ReserveResponseSchema, {
        limits: { queuedJobs: 7 },
        entitlements: { planName: 'Free', forbidden: [{ capability: 'motion' }] },
      }),
    );
    expect(await plans.of('acme')).toMatchObject({ queuedJobsMax: 7, forbidden: new Map([['motion', '']]) });
    expect(billing.asked).toBe(0);
  });

  it('is remembered for the newest ten thousand accounts only', async () => {
    const billing = new SmallBilling();
    const plans = new AccountPlans(billing, new ManualClock());
    for (let n = 0; n <= 10_000; n++) plans.learn(`account-${n}`, {});
    await plans.of('account-10000');
    expect(billing.asked).toBe(0);
    await plans.of('account-0');
    expect(billing.asked).toBe(1);
  });
});
