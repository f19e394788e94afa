import { Injectable } from '@nestjs/common';
import { CatalogueService, type LintFinding, type SimulateCatalogueResponse } from '@tessera/contracts/tessera/billing/v1/catalogue_pb.js';
import { isUuid } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { unknownAccount } from '../errors.js';
import { Callers } from '../keys/callers.js';
import type { Caller } from '../keys/keys.js';

/** Whose lives: of one account, of all, or made up. */
export type SimulatedUsage = {
  readonly accountId: string;
  readonly to?: number | undefined;
  readonly synthetic?:
    | { readonly seed: number; readonly accountsPerPlan: number; readonly jobsPerDay: number; readonly days: number }
    | undefined;
};

/** The price list, for the installation's owner: read it, have a changed one judged, see who would pay what. */
@Injectable()
export class Catalogues {
  readonly #catalogue: RpcClient<typeof CatalogueService>;

  constructor(
    private readonly callers: Callers,
    rpc: Rpc,
  ) {
    this.#catalogue = rpc.client(CatalogueService);
  }

  async get(caller: Caller): Promise<unknown> {
    this.callers.requireOwner(caller);
    return JSON.parse((await this.#catalogue.getCatalogue({})).catalogueJson) as unknown;
  }

  async lint(caller: Caller, priceList: unknown): Promise<readonly LintFinding[]> {
    this.callers.requireOwner(caller);
    return (await this.#catalogue.lintCatalogue({ catalogueJson: JSON.stringify(priceList) })).findings;
  }

  /** Of one account or, when `accountId` is empty, of all. */
  simulate(
    caller: Caller,
    priceList: unknown,
    { accountId, to, synthetic }: SimulatedUsage,
    signal: AbortSignal,
  ): AsyncIterable<SimulateCatalogueResponse> {
    this.callers.requireOwner(caller);
    if (accountId !== '' && !isUuid(accountId)) throw unknownAccount();
    return this.#catalogue.simulateCatalogue(
      { catalogueJson: JSON.stringify(priceList), accountId, toMs: BigInt(to ?? 0), ...(synthetic ? { synthetic } : {}) },
      { signal },
    );
  }
}
