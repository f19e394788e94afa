import { Inject, Injectable } from '@nestjs/common';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { requireAllowed } from '@tessera/plans/gate.js';
import { Config } from '@tessera/platform/config.js';

/** How many pictures a dataset may have: what the operator allows, or fewer where the account's plan says so. */
@Injectable()
export class PictureBound {
  constructor(
    private readonly plans: AccountPlans,
    @Inject(Config) private readonly config: Config,
  ) {}

  async of(accountId: string): Promise<number> {
    const { datasetPicturesMax } = await this.plans.of(accountId);
    return datasetPicturesMax === 0 ? this.config.datasetPicturesMax : Math.min(datasetPicturesMax, this.config.datasetPicturesMax);
  }

  /** FailedPrecondition `plan_forbids_training` | `dataset_full`. */
  async requireRoom(accountId: string, has: number, brings: number): Promise<void> {
    requireAllowed('training', await this.plans.of(accountId));
    requireAllowed('dataset_pictures', { picturesMax: await this.of(accountId), has, brings });
  }
}
