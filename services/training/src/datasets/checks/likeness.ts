import type { Measured } from './measured.js';
import { isNear } from './perceptual-hash.js';

type Hashed = { readonly measured: Pick<Measured, 'sha256' | 'perceptualHash' | 'colours'> };

/** Of each average of a picture's colours: what another scale, format or a little more light changes. Things alone on one ground have nearly the same hash, whatever they are. */
const colourDifferenceMax = 0.1;

const channels = ['lightness', 'contrast', 'redGreen', 'yellowBlue'] as const;

const looksLike = ({ measured: one }: Hashed, { measured: other }: Hashed): boolean =>
  isNear(one.perceptualHash, other.perceptualHash) &&
  channels.every((channel) => Math.abs(one.colours[channel] - other.colours[channel]) <= colourDifferenceMax);

/** Those with the same bytes, where there is more than one, in the order of the first of each. */
export function exactDuplicates<P extends Hashed>(pictures: readonly P[]): P[][] {
  return [...Map.groupBy(pictures, ({ measured }) => measured.sha256).values()].filter((group) => group.length > 1);
}

/** All pictures in groups: who looks like one of a group belongs to it. */
export function groupedByLikeness<P extends Hashed>(pictures: readonly P[]): P[][] {
  const groups: P[][] = [];
  for (const picture of pictures) {
    const like = groups.filter((group) => group.some((other) => looksLike(other, picture)));
    const [first, ...others] = like;
    if (first === undefined) groups.push([picture]);
    else {
      first.push(...others.flat(), picture);
      for (const merged of others) groups.splice(groups.indexOf(merged), 1);
    }
  }
  return groups;
}

/** Groups of several that look alike; of those with the same bytes the first one stands for all. */
export function nearDuplicates<P extends Hashed>(pictures: readonly P[]): P[][] {
  const distinct = [...new Map([...pictures].reverse().map((picture) => [picture.measured.sha256, picture])).values()].reverse();
  return groupedByLikeness(distinct).filter((group) => group.length > 1);
}
