import { Injectable } from '@nestjs/common';
import { Semaphore } from '@tessera/platform/concurrency/semaphore.js';
import type { CaptionSource } from './dataset.js';
import { Captioner } from './captioner.js';
import type { Measured } from './checks/measured.js';
import { measurePicture } from './checks/measure-picture.js';
import { tooSmall } from './checks/sides.js';
import { captionCharsMax } from './notes.js';
import { pictureOptedOut, tooManyInspections } from './errors.js';
import { isOptedOut } from './opt-out.js';
import { OptOutList } from './opt-out-list.js';

/** A picture of 40 megapixels takes about two seconds of a core and 150 MB; two at a time leave the rest of the process its share. */
const decodedAtOnce = 2;
/** Beyond this the wait would be longer than any caller's patience. */
const waitingMax = 200;

export type Seen = { readonly measured: Measured; readonly caption: string; readonly captionSource: CaptionSource };

/** Looks at a picture that is to be learnt from, and says what is known of it, or why it cannot be used. */
@Injectable()
export class Intake {
  readonly #decoding = new Semaphore(decodedAtOnce);

  constructor(
    private readonly captioner: Captioner,
    private readonly optOut: OptOutList,
  ) {}

  /** InvalidArgument `not_an_image` | `image_too_large` | `picture_too_small`, PermissionDenied `picture_opted_out`, Unavailable `inspections_busy`. */
  async look(bytes: Uint8Array, { caption, fileName }: { readonly caption: string; readonly fileName: string }): Promise<Seen> {
    const measured = await this.#oneOfFew(() => measurePicture(bytes));
    const refused = tooSmall(measured);
    if (refused) throw refused;
    if (isOptedOut(await this.optOut.current(), measured)) throw pictureOptedOut();
    if (caption !== '') return { measured, caption, captionSource: 'given' };
    const proposed = await this.captioner.propose({ fileName, bytes });
    return proposed
      ? { measured, caption: proposed.caption.slice(0, captionCharsMax), captionSource: proposed.source }
      : { measured, caption: '', captionSource: 'none' };
  }

  async #oneOfFew<T>(run: () => Promise<T>): Promise<T> {
    if (this.#decoding.waiting >= waitingMax) throw tooManyInspections();
    await this.#decoding.acquire();
    try {
      return await run();
    } finally {
      this.#decoding.release();
    }
  }
}
