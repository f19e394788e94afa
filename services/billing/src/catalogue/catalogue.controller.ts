import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  CatalogueService,
  type LintCatalogueRequest,
  type SimulateCatalogueRequest,
} from '@tessera/contracts/tessera/billing/v1/catalogue_pb.js';
import { streamOf } from '@tessera/rpc/streams.js';
import { PriceList } from './catalogue.js';
import { brokenCatalogue } from '../errors.js';
import { whole } from '../input.js';
import { PlanList } from './plan-list.js';
import { Simulation, type Outcome } from './simulation.js';

/** What is sold, and the operator's side of the catalogue. */
@Controller()
export class CatalogueController {
  constructor(
    private readonly prices: PriceList,
    private readonly planList: PlanList,
    private readonly simulation: Simulation,
  ) {}

  @GrpcMethod(CatalogueService.typeName)
  listPlans() {
    const { version, plans, packs } = this.planList.now();
    return {
      catalogueVersion: version,
      plans: plans.map(({ seatTokens, seatBankTokens, ...plan }) => ({
        ...plan,
        seatTokens: BigInt(seatTokens),
        seatBankTokens: BigInt(seatBankTokens),
      })),
      packs: packs.map(({ tokens, ...pack }) => ({ ...pack, tokens: BigInt(tokens) })),
    };
  }

  @GrpcMethod(CatalogueService.typeName)
  getCatalogue() {
    return { catalogueJson: JSON.stringify(this.prices.all, undefined, 2) };
  }

  @GrpcMethod(CatalogueService.typeName)
  lintCatalogue({ catalogueJson }: LintCatalogueRequest) {
    return { findings: [...PriceList.check(parsed(catalogueJson), this.prices).findings] };
  }

  @GrpcMethod(CatalogueService.typeName)
  simulateCatalogue(request: SimulateCatalogueRequest) {
    return streamOf((signal) => this.simulate(request, signal));
  }

  private async *simulate({ catalogueJson, accountId, toMs, synthetic }: SimulateCatalogueRequest, signal: AbortSignal) {
    const priceList = parsed(catalogueJson);
    const accounts = synthetic
      ? this.simulation.runSynthetic(priceList, synthetic, signal)
      : this.simulation.run(priceList, accountId, { toMs: whole('to_ms', toMs) }, signal);
    for await (const { real, simulated, ...account } of accounts)
      yield { ...account, real: outcomeMessage(real), simulated: outcomeMessage(simulated) };
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw brokenCatalogue('its first character: it is not JSON.');
  }
}

const outcomeMessage = ({ jobsCharged, jobsRelaxed, jobsRefused, spentTokens, expiredTokens, balanceTokens, planCents }: Outcome) => ({
  jobsCharged: BigInt(jobsCharged),
  jobsRelaxed: BigInt(jobsRelaxed),
  jobsRefused: BigInt(jobsRefused),
  spentTokens: BigInt(spentTokens),
  expiredTokens: BigInt(expiredTokens),
  balanceTokens: BigInt(balanceTokens),
  planCents: BigInt(planCents),
});
