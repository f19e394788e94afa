import { Injectable } from '@nestjs/common';
import { AccountDocuments } from './account.documents.js';
import { unknownAccount } from './errors.js';
import { checkAccountId } from './input.js';

/** Whose books are gone through: one account's, or everybody's. */
@Injectable()
export class AccountIds {
  constructor(private readonly documents: AccountDocuments) {}

  /** One account, also when only its entries are left, or all when `accountId` is empty. */
  async *named(accountId: string): AsyncIterable<string> {
    if (accountId !== '') {
      checkAccountId(accountId);
      const owner = await this.documents.image(accountId);
      if (!owner && (await this.documents.entriesAfter(accountId, 0, 1)).length === 0) throw unknownAccount(accountId);
      yield accountId;
      return;
    }
    for (let id = await this.documents.accountIdAfter(''); id !== undefined; id = await this.documents.accountIdAfter(id)) yield id;
  }
}
