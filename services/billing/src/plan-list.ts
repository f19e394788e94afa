import { Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { PriceList, type Plan } from './catalogue.js';

export type ListedPlan = {
  readonly plan: string;
  readonly name: string;
  readonly priceCents: number;
  readonly cadence: Plan['cadence'];
  readonly seatTokens: number;
  readonly seatBankTokens: number;
  readonly seatsMin: number;
  readonly seatsMax: number;
  readonly hasRelaxedLane: boolean;
  readonly limits: Plan['limits'];
  readonly aliases: readonly string[];
};
export type ListedPack = { readonly pack: string; readonly name: string; readonly tokens: number; readonly priceCents: number };

/** What can be taken and bought. */
@Injectable()
export class PlanList {
  constructor(
    private readonly prices: PriceList,
    private readonly clock: Clock,
  ) {}

  /** Of the catalogue that counts now. */
  now(): { version: string; plans: ListedPlan[]; packs: ListedPack[] } {
    const { version, plans, packs, aliases } = this.prices.at(this.clock.now());
    const aliasesOf = (plan: string) => Object.keys(aliases).filter((alias) => aliases[alias] === plan);
    return {
      version,
      plans: Object.entries(plans).map(([plan, { name, priceCents, cadence, grant, bankTokens, seats, relaxed, limits }]) => ({
        plan,
        name,
        priceCents,
        cadence,
        seatTokens: grant.tokens,
        seatBankTokens: bankTokens,
        seatsMin: seats.min,
        seatsMax: seats.max,
        hasRelaxedLane: relaxed.length > 0,
        limits,
        aliases: aliasesOf(plan),
      })),
      packs: Object.entries(packs).map(([pack, { name, tokens, priceCents }]) => ({ pack, name, tokens, priceCents })),
    };
  }
}
