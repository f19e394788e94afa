import { Injectable } from '@nestjs/common';
import { AccountDocuments } from '../ledger/store/account.documents.js';
import { unknownAccount } from '../errors.js';
import { checkAccountId } from '../input.js';
import { isCreditsAccount, ledgerIdOf } from '../wallets.js';

/** Whose books are gone through: one account's, or everybody's. */
@Injectable()
export class AccountIds {
  constructor(private readonly documents: AccountDocuments) {}

  /** One account and its credits, also when only its entries are left, or all when `accountId` is empty. */
  async *named(accountId: string): AsyncIterable<string> {
    if (accountId !== '') {
      checkAccountId(accountId);
      if (!(await this.isKnown(accountId))) throw unknownAccount();
      yield accountId;
      const credits = ledgerIdOf(accountId, 'credits');
      if (!isCreditsAccount(accountId) && (await this.isKnown(credits))) yield credits;
      return;
    }
    for (let id = await this.documents.accountIdAfter(''); id !== undefined; id = await this.documents.accountIdAfter(id)) yield id;
  }

  private async isKnown(ledgerId: string): Promise<boolean> {
    return (await this.documents.image(ledgerId)) !== undefined || (await this.documents.entriesAfter(ledgerId, 0, 1)).length > 0;
  }
}
