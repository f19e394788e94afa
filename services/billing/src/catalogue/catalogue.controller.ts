import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { EconomyService, type LintCatalogueRequest, type SimulateCatalogueRequest } from '@tessera/contracts/tessera/billing/v1/economy_pb.js';
import { streamOf } from '@tessera/rpc/streams.js';
import { PriceList } from './catalogue.js';
import { brokenCatalogue } from '../errors.js';
import { whole } from '../input.js';
import { Simulation, type Outcome } from './simulation.js';

/** The operator's side of the catalogue. */
@Controller()
export class CatalogueController {
  constructor(
    private readonly prices: PriceList,
    private readonly simulation: Simulation,
  ) {}

  @GrpcMethod(EconomyService.typeName)
  getCatalogue() {
    return { catalogueJson: JSON.stringify(this.prices.all, undefined, 2) };
  }

  @GrpcMethod(EconomyService.typeName)
  lintCatalogue({ catalogueJson }: LintCatalogueRequest) {
    return { findings: [...PriceList.check(parsed(catalogueJson), this.prices).findings] };
  }

  @GrpcMethod(EconomyService.typeName)
  simulateCatalogue(request: SimulateCatalogueRequest) {
    return streamOf((signal) => this.simulate(request, signal));
  }

  private async *simulate({ catalogueJson, accountId, toMs, synthetic }: SimulateCatalogueRequest, signal: AbortSignal) {
    const priceList = parsed(catalogueJson);
    const lives = synthetic ? this.simulation.runSynthetic(priceList, synthetic, signal) : this.simulation.run(priceList, accountId, { toMs: whole('to_ms', toMs) }, signal);
    for await (const { real, simulated, ...account } of lives) yield { ...account, real: outcomeMessage(real), simulated: outcomeMessage(simulated) };
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
