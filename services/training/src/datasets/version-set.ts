import { createHash } from 'node:crypto';
import type { Split } from './dataset.js';
import { groupedByLikeness } from './checks/likeness.js';
import type { Measured } from './checks/measured.js';

/** Share of the pictures that is held out. */
const validationShare = 0.1;
/** With fewer, every picture is needed to learn from. */
const validationPicturesMin = 5;

type Candidate = {
  readonly pictureId: string;
  readonly caption: string;
  readonly measured: Pick<Measured, 'sha256' | 'perceptualHash' | 'colours'>;
};

const hashOf = (...lines: readonly string[]): string => createHash('sha256').update(lines.join('\n')).digest('hex');
const order = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

/** Every picture once, in the order of their digests. Of copies with several captions the first one in the alphabet that is not empty counts, whichever came first. */
export function distinctPictures<P extends Candidate>(pictures: readonly P[]): P[] {
  return [...Map.groupBy(pictures, ({ measured }) => measured.sha256)]
    .sort(([one], [other]) => order(one, other))
    .flatMap(([, copies]) =>
      copies
        .sort(
          (a, b) => Number(a.caption === '') - Number(b.caption === '') || order(a.caption, b.caption) || order(a.pictureId, b.pictureId),
        )
        .slice(0, 1),
    );
}

/** The name of an exact set: bytes, captions and the seed of the split; nothing of when or in what order they came. */
export function digestOfSet(distinct: readonly Candidate[], seed: number): string {
  return hashOf(
    'tessera dataset 1',
    `seed ${seed}`,
    ...distinct.map(({ measured, caption }) => `${measured.sha256} ${JSON.stringify(caption)}`),
  );
}

/**
 * Which pictures are held out: a tenth, at least one from five on. Pictures that look alike stay on one side, for a copy of what was learnt says nothing about what was not;
 * where that is impossible one is held out all the same.
 */
export function splitOf<P extends Candidate>(distinct: readonly P[], seed: number): Map<P, Split> {
  const wanted = distinct.length < validationPicturesMin ? 0 : Math.max(1, Math.round(distinct.length * validationShare));
  const rank = ({ measured }: P) => hashOf(String(seed), measured.sha256);
  const groups = groupedByLikeness(distinct)
    .map((group) => ({ group, rank: group.map(rank).sort(order)[0] ?? '' }))
    .sort((a, b) => order(a.rank, b.rank));
  const held = new Set<P>();
  for (const { group } of groups) if (held.size + group.length <= wanted) group.forEach((picture) => held.add(picture));
  const [first] = [...distinct].sort((a, b) => order(rank(a), rank(b)));
  if (held.size === 0 && wanted > 0 && first) held.add(first);
  return new Map(distinct.map((picture) => [picture, held.has(picture) ? 'validation' : 'training']));
}
