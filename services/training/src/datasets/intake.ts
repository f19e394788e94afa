import { Injectable } from '@nestjs/common';
import type { CaptionSource } from './dataset.js';
import { Captioner } from './captioner.js';
import type { Measured } from './checks/measured.js';
import { measurePicture } from './checks/measure-picture.js';
import { tooSmall } from './checks/sides.js';
import { captionCharsMax } from './notes.js';
import { pictureOptedOut, tooManyInspections } from './errors.js';
import { isOptedOut } from './opt-out.js';
import { OptOutList } from './opt-out-list.js';
import { Places } from './places.js';

/** A picture of 40 megapixels takes about two seconds of a core and 150 MB; two at a time leave the rest of the process its share. */
const decodedAtOnce = 2;
/** Of one account: beyond this the wait would be longer than any caller's patience. */
const waitingMax = 50;

export type Seen = { readonly measured: Measured; readonly caption: string; readonly captionSource: CaptionSource };

type PictureBrought = { readonly accountId: string; readonly caption: string; readonly fileName: string };

/** Looks at a picture that is to be learnt from, and says what is known of it, or why it cannot be used. */
@Injectable()
export class Intake {
  readonly #places = new Places(decodedAtOnce);

  constructor(
    private readonly captioner: Captioner,
    private readonly optOut: OptOutList,
  ) {}

  /** InvalidArgument `not_an_image` | `image_too_large` | `picture_too_small`, PermissionDenied `picture_opted_out`, Unavailable `inspections_busy`. */
  async look(bytes: Uint8Array, { accountId, caption, fileName }: PictureBrought): Promise<Seen> {
    if (this.#places.waitingOf(accountId) >= waitingMax) throw tooManyInspections();
    const measured = await this.#places.run(accountId, () => measurePicture(bytes));
    const refused = tooSmall(measured);
    if (refused) throw refused;
    if (isOptedOut(await this.optOut.current(), measured)) throw pictureOptedOut();
    if (caption !== '') return { measured, caption, captionSource: 'given' };
    const proposed = await this.captioner.propose({ fileName, bytes });
    return proposed
      ? { measured, caption: proposed.caption.slice(0, captionCharsMax), captionSource: proposed.source }
      : { measured, caption: '', captionSource: 'none' };
  }
}
