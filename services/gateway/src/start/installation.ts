import { Injectable } from '@nestjs/common';

/** Who owns this installation; filled before the server listens. */
@Injectable()
export class Installation {
  ownerAccountId = '';
  /** The owner's first key, in the clear, only in the process that minted it. */
  mintedKey?: string;
}
