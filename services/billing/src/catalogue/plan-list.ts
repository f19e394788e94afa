import { Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { PriceList } from './catalogue.js';
import type { Pack, Plan } from './catalogue-schema.js';
import type { Wallet } from '../wallets.js';

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
  readonly hasApi: boolean;
  readonly trainingsPerMonth: number;
  readonly storedModels: number;
  readonly motion: Plan['motion'];
  readonly apiTrack: Wallet;
};
export type ListedPack = {
  readonly pack: string;
  readonly name: string;
  readonly tokens: number;
  readonly priceCents: number;
  readonly wallet: Wallet;
};

/** What can be taken and bought. */
@Injectable()
export class PlanList {
  constructor(
    private readonly prices: PriceList,
    private readonly clock: Clock,
  ) {}

  /** Of the catalogue that counts now. */
  now(): { version: string; plans: ListedPlan[]; packs: ListedPack[] } {
    const { version, plans, packs, apiCredits, aliases } = this.prices.at(this.clock.now());
    const aliasesOf = (plan: string) => Object.keys(aliases).filter((alias) => aliases[alias] === plan);
    return {
      version,
      plans: Object.entries(plans).map(
        ([
          plan,
          {
            name,
            priceCents,
            cadence,
            grant,
            bankTokens,
            seats,
            relaxed,
            limits,
            hasApi,
            trainingsPerMonth,
            storedModels,
            motion,
            apiTrack,
          },
        ]) => ({
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
          hasApi,
          trainingsPerMonth,
          storedModels,
          motion,
          apiTrack,
        }),
      ),
      packs: [...listed(packs, 'plan'), ...listed(apiCredits?.packs ?? {}, 'credits')],
    };
  }
}

const listed = (packs: Readonly<Record<string, Pack>>, wallet: Wallet): ListedPack[] =>
  Object.entries(packs).map(([pack, { name, tokens, priceCents }]) => ({ pack, name, tokens, priceCents, wallet }));
