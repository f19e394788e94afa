import type { ProofFigures } from './figures.js';

export type Verdict = {
  readonly verdict: 'learned' | 'not_yet' | 'memorised' | 'forgot';
  /** Sentences for people: first what decided, then what helps to judge it. */
  readonly reasons: readonly string[];
};

/**
 * Where the verdicts part, between what was measured with mosaic-3d (README.md of this library has the table). Held prompts came .58 nearer to a style of fifteen pictures; an adapter
 * that has not begun leaves them where they are.
 */
const learnedFrom = 0.25;
/** A thing before changing grounds, whose pattern and colours were seen in its word, had .27; whole pictures had come only .03 nearer. */
const commonFrom = 0.2;
/** Beyond chance, of what is shown where: .19 was the most with the fifteen pictures, .29 with one picture fifteen times, .42 when that was trained for longer. */
const copiedFrom = 0.24;
/** Fewer different pictures do not tell what they have in common from what they are. */
const distinctMin = 3;
/** A style that was learned left .70 of what a prompt showed; where .47 were left, things were hard to make out. */
const keptMin = 0.4;
const diversityMin = 0.5;
const gapMax = 0.5;
const riseMax = 0.02;

export function verdictOf(figures: ProofFigures): Verdict {
  const { likeness, common, nearest, distinct, pictures, kept, diversity } = figures;
  const hasLearned = likeness.all >= learnedFrom || (common ?? 0) >= commonFrom;
  const copied = nearest.likeness - nearest.byChance;
  const memorised = [
    ...(copied >= copiedFrom
      ? [
          `A sample repeats picture ${nearest.picture + 1} of the set: ${percent(nearest.likeness)} of it, ${percent(nearest.byChance)} without the adapter.`,
        ]
      : []),
    ...(hasLearned && distinct < distinctMin
      ? [
          `Of ${pictures} pictures ${distinct === 1 ? 'all are one' : `only ${distinct} are different`}: what was learned is what they show, not what they have in common.`,
        ]
      : []),
  ];
  const forgot = [
    ...(kept < keptMin ? [`With the adapter a prompt keeps ${percent(kept)} of what it showed.`] : []),
    ...(diversity < diversityMin ? [`With the adapter pictures differ ${percent(diversity)} as much as without.`] : []),
  ];
  const told = [
    `Held prompts have come ${percent(likeness.all)} nearer to the set (colours ${percent(likeness.colours)}, lines ${percent(likeness.edges)}).`,
    ...(common === undefined ? [] : [`Of the colours that the set shares they show ${percent(common)} of what they did not before.`]),
    ...validationReasons(figures.validation),
  ];
  if (memorised.length > 0) return { verdict: 'memorised', reasons: [...memorised, ...told] };
  if (forgot.length > 0) return { verdict: 'forgot', reasons: [...forgot, ...told] };
  if (!hasLearned) return { verdict: 'not_yet', reasons: [...told, 'More steps or a higher learning rate may help.'] };
  return { verdict: 'learned', reasons: told };
}

function validationReasons(validation: ProofFigures['validation']): string[] {
  if (!validation) return ['No picture was held out, so that nothing says whether it learned more than these pictures.'];
  const { fall, gap, rise } = validation;
  return [
    `The loss of pictures that were held out fell by ${percent(fall)}.`,
    ...(gap > gapMax ? ['They gained less than half of what the learned ones did: fewer steps or more pictures would help.'] : []),
    ...(rise > riseMax ? [`In the end it rose again by ${percent(rise)}: an early stop would have ended there.`] : []),
  ];
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
