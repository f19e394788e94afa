import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  AccountService,
  type CancelPlanRequest,
  type ChangePlanRequest,
  type LimitChange,
  type PausePlanRequest,
  type PutMemberRequest,
  type RemoveMemberRequest,
  type ResumePlanRequest,
  type ReverseOperationRequest,
  type SetLimitsRequest,
} from '@tessera/contracts/tessera/billing/v1/accounts_pb.js';
import { accountMessage } from './account.message.js';
import { Accounts } from './accounts.js';
import { whole } from '../input.js';
import type { SettingsChange } from '../ledger/settings.js';
import { walletNamed } from '../wallets.js';

/** Translates between the contract and the use cases, nothing else. */
@Controller()
export class AccountsController {
  constructor(private readonly accounts: Accounts) {}

  @GrpcMethod(AccountService.typeName)
  async changePlan({ accountId, operationId, plan, seats }: ChangePlanRequest) {
    return { account: accountMessage(await this.accounts.changePlan(accountId, operationId, plan, seats || undefined)) };
  }

  @GrpcMethod(AccountService.typeName)
  async cancelPlan({ accountId, operationId }: CancelPlanRequest) {
    return { account: accountMessage(await this.accounts.cancel(accountId, operationId)) };
  }

  @GrpcMethod(AccountService.typeName)
  async pausePlan({ accountId, operationId, resumesMs }: PausePlanRequest) {
    return {
      account: accountMessage(
        await this.accounts.pause(accountId, operationId, resumesMs === 0n ? undefined : whole('resumes_ms', resumesMs)),
      ),
    };
  }

  @GrpcMethod(AccountService.typeName)
  async resumePlan({ accountId, operationId }: ResumePlanRequest) {
    return { account: accountMessage(await this.accounts.resume(accountId, operationId)) };
  }

  @GrpcMethod(AccountService.typeName)
  async setLimits({ accountId, operationId, spendCap, lowBalance, wallet }: SetLimitsRequest) {
    const change = { kind: 'limits', ...limitOf('spendCapTokens', spendCap), ...limitOf('lowBalanceTokens', lowBalance) } as const;
    return { account: accountMessage(await this.accounts.configure(accountId, operationId, change, walletNamed(wallet))) };
  }

  @GrpcMethod(AccountService.typeName)
  async putMember({ accountId, operationId, memberId, capTokens }: PutMemberRequest) {
    const change: SettingsChange = { kind: 'member', memberId, capTokens: capTokens === undefined ? null : whole('cap_tokens', capTokens) };
    return { account: accountMessage(await this.accounts.configure(accountId, operationId, change)) };
  }

  @GrpcMethod(AccountService.typeName)
  async removeMember({ accountId, operationId, memberId }: RemoveMemberRequest) {
    return { account: accountMessage(await this.accounts.configure(accountId, operationId, { kind: 'memberLeft', memberId })) };
  }

  @GrpcMethod(AccountService.typeName)
  async reverseOperation({ accountId, reversedOperationId, wallet }: ReverseOperationRequest) {
    return { account: accountMessage(await this.accounts.reverse(accountId, reversedOperationId, walletNamed(wallet))) };
  }
}

const limitOf = (name: 'spendCapTokens' | 'lowBalanceTokens', change: LimitChange | undefined) =>
  change === undefined ? {} : { [name]: change.tokens === undefined ? null : whole(name, change.tokens) };
