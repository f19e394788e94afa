import type mongoose from 'mongoose';

/** A relay that died is replaced after this long; one that lives renews it several times meanwhile. */
const leaseMs = 6_000;
const renewEveryMs = 1_500;
/** A relay that could not renew for so long must take its lease for lost, a little before others do. */
const trustedMs = 4_500;

/** `resumeToken`: where the change stream goes on, behind everything that was handed on. */
export type RelayRow = { readonly _id: string; readonly owner: string | null; readonly expiresAt: Date; readonly resumeToken?: unknown };

const relayId = 'relay';

export class LeaseLost extends Error {}

/** Lets one process at a time relay. The server's clock decides; those of the processes may differ. */
export class RelayLease {
  private trustedUntilMs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly rows: mongoose.mongo.Collection<RelayRow>,
    private readonly owner: string,
    private readonly onLost: () => void,
  ) {}

  /** The row, when the lease is ours from now on. */
  async acquire(): Promise<RelayRow | undefined> {
    const askedMs = performance.now();
    // Looked up first: those that stand by ask twice a second, and need not write for that.
    const isThere = (await this.rows.countDocuments({ _id: relayId }, { limit: 1 })) === 1;
    if (!isThere) await this.rows.updateOne({ _id: relayId }, { $setOnInsert: { owner: null, expiresAt: new Date(0) } }, { upsert: true });
    const isFree = { $or: [{ $eq: ['$owner', null] }, { $eq: ['$owner', this.owner] }, { $lt: ['$expiresAt', '$$NOW'] }] };
    const row = await this.rows.findOneAndUpdate({ _id: relayId, $expr: isFree }, [{ $set: { owner: this.owner, ...this.expiry } }], {
      returnDocument: 'after',
    });
    if (row === null) return undefined;
    this.trustedUntilMs = askedMs + trustedMs;
    this.timer = setInterval(() => void this.renew(), renewEveryMs).unref();
    return row;
  }

  /** Throws LeaseLost. To be asked before every step that only the one relay may take. */
  check(): void {
    if (performance.now() > this.trustedUntilMs) throw new LeaseLost('the lease of the outbox relay is lost');
  }

  /** Notes how far we came. Throws LeaseLost. */
  async advance(resumeToken: unknown): Promise<void> {
    const { matchedCount } = await this.rows.updateOne({ _id: relayId, owner: this.owner }, { $set: { resumeToken } });
    if (matchedCount === 0) throw new LeaseLost('another process relays the outbox now');
  }

  async release(): Promise<void> {
    clearInterval(this.timer);
    this.trustedUntilMs = 0;
    await this.rows.updateOne({ _id: relayId, owner: this.owner }, { $set: { owner: null } });
  }

  private get expiry() {
    return { expiresAt: { $dateAdd: { startDate: '$$NOW', unit: 'millisecond', amount: leaseMs } } };
  }

  private async renew(): Promise<void> {
    const askedMs = performance.now();
    const isRenewed = await this.rows.updateOne({ _id: relayId, owner: this.owner }, [{ $set: this.expiry }]).then(
      ({ matchedCount }) => matchedCount === 1,
      () => false,
    );
    if (isRenewed) this.trustedUntilMs = askedMs + trustedMs;
    else if (performance.now() > this.trustedUntilMs) {
      clearInterval(this.timer);
      this.onLost();
    }
  }
}
