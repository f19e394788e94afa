/** What money has done, in words of ours. Ids are the provider's own; no card data comes this far. */
export type PaymentUpdate =
  | { readonly kind: 'packPaid'; readonly paymentId: string; readonly accountId: string; readonly pack: string }
  | { readonly kind: 'packRefunded'; readonly paymentId: string }
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

/** Somebody who takes money and tells of it. */
export type PaymentProvider = {
  /** Part of the operation ids in the ledger: never change it. */
  readonly name: string;
  /** Unauthenticated `invalid_signature` unless the provider itself said this, and lately. Undefined: genuine, and not about tokens. */
  read(payload: Uint8Array, signature: string, nowMs: number): PaymentUpdate | undefined;
};
