/** In the currency's smallest unit. */
export type Money = { readonly amount: number; readonly currency: string };

/** What money has done, in words of ours. Ids are the provider's own; no card data comes this far. */
export type PaymentUpdate =
  | {
      readonly kind: 'packPaid';
      readonly paymentId: string;
      readonly accountId: string;
      readonly pack: string;
      readonly money?: Money;
      readonly occurredMs?: number;
    }
  /** `share`: so much of the whole has gone back by now; absent: all of it. */
  | { readonly kind: 'packRefunded'; readonly paymentId: string; readonly share?: { readonly amount: number; readonly of: number } }
  | {
      readonly kind: 'disputed';
      readonly paymentId: string;
      readonly disputeId: string;
      readonly state: DisputeState;
      /** Absent: the whole payment. */ readonly amount?: number;
    }
  | {
      readonly kind: 'invoicePaid';
      readonly paymentId: string;
      readonly subscriptionId: string;
      /** Absent: whoever the subscription is known for. */ readonly accountId?: string;
      /** Refunds and disputes name the payment by this id. */ readonly chargeId?: string;
      /** Absent: nothing but a change within a period was paid for. */
      readonly period?: { readonly fromMs: number; readonly untilMs: number };
      readonly money?: Money;
      readonly occurredMs: number;
    }
  | {
      readonly kind: 'overdue';
      readonly subscriptionId: string;
      readonly updateId: string;
      readonly accountId: string;
      /** The provider has given up collecting: no grace any more. */ readonly isFinal: boolean;
      readonly occurredMs: number;
    }
  | {
      readonly kind: 'subscription';
      readonly subscriptionId: string;
      /** The same update comes with the same id. */
      readonly updateId: string;
      readonly accountId: string;
      readonly plan: string;
      readonly seats: number;
      readonly isActive: boolean;
      /** It rests: nobody pays, nobody gets anything, and it is to go on. */
      readonly pause?: { readonly resumesMs?: number };
      /** When it became so, by the provider's clock: updates may come in any order. */
      readonly occurredMs: number;
    };

export type DisputeState = 'open' | 'won' | 'lost';
export type UpdateOf<Kind extends PaymentUpdate['kind']> = Extract<PaymentUpdate, { kind: Kind }>;

/** `outdated`: a newer update has come before it. `waiting`: kept, because the account may not have what was paid for. */
export type PaymentOutcome = 'applied' | 'repeated' | 'outdated' | 'ignored' | 'waiting';

/** Somebody who takes money and tells of it. */
export type PaymentProvider = {
  /** Part of the operation ids in the ledger: never change it. */
  readonly name: string;
  /** Unauthenticated `invalid_signature` unless the provider itself said this, and lately. Undefined: genuine, and not about tokens. */
  read(payload: Uint8Array, signature: string, nowMs: number): PaymentUpdate | undefined;
};
