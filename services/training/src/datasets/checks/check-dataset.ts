import { exactDuplicates, nearDuplicates } from './likeness.js';
import type { Measured } from './measured.js';
import { aspectMax, aspectOf, shorterSideGoodPx, shorterSidePx } from './sides.js';
import { blurredOf, outliersOf } from './spread.js';

export type CheckedPicture = {
  readonly pictureId: string;
  /** Empty: it has none. */
  readonly caption: string;
  readonly measured: Measured;
  /** Its author wants no training with it, or its file was deleted as an upload. */
  readonly unusable?: 'opted_out' | 'lost_file';
};

export type WarningCode =
  | 'exact_duplicates'
  | 'near_duplicates'
  | 'small_pictures'
  | 'over_wide'
  | 'blurred'
  | 'outliers'
  | 'transparent'
  | 'animated'
  | 'opted_out'
  | 'lost_files'
  | 'same_caption'
  | 'missing_captions'
  | 'missing_trigger'
  | 'few_pictures';

export type Warning = {
  readonly code: WarningCode;
  readonly pictureIds: readonly string[];
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
};

/** As few as the documented minimum of the field; a style wants 20 to 30. */
const picturesGood = 10;

const counted = (count: number): string => (count === 1 ? '1 picture' : `${count} pictures`);
const plural = (count: number, one: string, many: string): string => (count === 1 ? one : many);
const words = (text: string): string => text.toLowerCase().trim().replaceAll(/\s+/g, ' ');

/** Everything that makes a training with these pictures worse. What cannot be used is in no other warning: it is not learnt from. */
export function checkDataset(all: readonly CheckedPicture[], trigger: string): Warning[] {
  const pictures = all.filter(({ unusable }) => unusable === undefined);
  return [
    ...about(
      'lost_files',
      all.filter(({ unusable }) => unusable === 'lost_file'),
      {
        message: (count) => `${counted(count)} whose files were deleted as uploads; ${plural(count, 'it is', 'they are')} not learnt from.`,
        remedy: 'Remove them here, too, or add them again.',
      },
    ),
    ...about(
      'opted_out',
      all.filter(({ unusable }) => unusable === 'opted_out'),
      {
        message: (count) => `${counted(count)} of the opt-out list of this server; ${plural(count, 'it is', 'they are')} not learnt from.`,
        remedy: 'Remove them.',
      },
    ),
    ...ofPictures(pictures),
    ...ofCaptions(pictures, trigger),
    ...fewPictures(pictures),
  ];
}

function ofPictures(pictures: readonly CheckedPicture[]): Warning[] {
  return [
    ...about('exact_duplicates', exactDuplicates(pictures).flat(), {
      message: (count) => `${count} pictures are the same file as another one; each is learnt from once.`,
      remedy: 'Remove the copies, and add other pictures of the same thing.',
    }),
    ...about('near_duplicates', nearDuplicates(pictures).flat(), {
      message: (count) => `${count} pictures look nearly the same as another one: a training learns them by heart.`,
      remedy: 'Keep one of each, and add other views, backgrounds or light.',
    }),
    ...about(
      'small_pictures',
      pictures.filter(({ measured }) => shorterSidePx(measured) < shorterSideGoodPx),
      {
        message: (count) =>
          `${counted(count)} with a shorter side below ${shorterSideGoodPx} pixels: enlarged, what is blurred is learnt, too.`,
        remedy: 'Replace them by larger originals, or enlarge them well first.',
      },
    ),
    ...about(
      'over_wide',
      pictures.filter(({ measured }) => aspectOf(measured) > aspectMax),
      {
        message: (count) => `${counted(count)} more than ${aspectMax} times as wide as high, or the reverse: cropped, only a part is seen.`,
        remedy: 'Crop them to what is to be learnt.',
      },
    ),
    ...about('blurred', blurredOf(pictures), {
      message: (count) => `${counted(count)} with far less detail than the others: out of focus, or enlarged.`,
      remedy: 'Replace them by sharp ones.',
    }),
    ...about('outliers', outliersOf(pictures), {
      message: (count) => `${counted(count)} with colours or a shape far from the rest of the set.`,
      remedy: 'Remove them if they do not belong; keep them if the difference is wanted, and say it in their captions.',
    }),
    ...about(
      'transparent',
      pictures.filter(({ measured }) => measured.isTransparent),
      {
        message: (count) => `${counted(count)} with transparent parts, which are learnt as white.`,
        remedy: 'Put a background of your own behind them, each another one.',
      },
    ),
    ...about(
      'animated',
      pictures.filter(({ measured }) => measured.isAnimated),
      {
        message: (count) => `${counted(count)} with several frames, of which the first is used.`,
        remedy: 'Send the frame that you mean as a picture of its own.',
      },
    ),
  ];
}

function ofCaptions(pictures: readonly CheckedPicture[], trigger: string): Warning[] {
  const captioned = pictures.filter(({ caption }) => words(caption) !== '');
  const isSame =
    captioned.length > 1 && captioned.length === pictures.length && new Set(captioned.map(({ caption }) => words(caption))).size === 1;
  const hasTrigger = triggerIn(trigger);
  return [
    ...about('same_caption', isSame ? captioned : [], {
      message: () => 'Every picture has the same caption: whatever they have in common is learnt as one thing.',
      remedy: 'Say in each caption what differs: what is seen, and where.',
    }),
    ...about(
      'missing_captions',
      pictures.filter(({ caption }) => words(caption) === ''),
      {
        message: (count) => `${counted(count)} without a caption.`,
        remedy: 'Say in some words what each shows; what a caption names stays changeable.',
      },
    ),
    ...about('missing_trigger', hasTrigger ? captioned.filter(({ caption }) => !hasTrigger(caption)) : [], {
      message: (count) =>
        `${plural(count, 'One caption lacks', `${count} captions lack`)} the trigger "${words(trigger)}": the word is not bound to what they show.`,
      remedy: 'Write the trigger into each caption, before the noun that it stands for.',
    }),
  ];
}

/** Whether a caption has the trigger as words of their own; undefined where there is no trigger. */
function triggerIn(trigger: string): ((caption: string) => boolean) | undefined {
  const wanted = words(trigger);
  if (wanted === '') return undefined;
  const escaped = wanted.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const asWords = new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'u');
  return (caption) => asWords.test(words(caption));
}

/** Copies count once. */
function fewPictures(pictures: readonly CheckedPicture[]): Warning[] {
  const count = new Set(pictures.map(({ measured }) => measured.sha256)).size;
  if (count >= picturesGood) return [];
  return [
    {
      code: 'few_pictures',
      pictureIds: [],
      message: `The set has ${count === 0 ? 'no pictures' : `${plural(count, 'one picture', `${count} different pictures`)}`} that can be used; below ${picturesGood} a training learns them by heart.`,
      remedy: `Add pictures: ${picturesGood} to 15 for a character or an object, 20 to 30 for a style.`,
    },
  ];
}

function about(
  code: WarningCode,
  pictures: readonly CheckedPicture[],
  { message, remedy }: { readonly message: (count: number) => string; readonly remedy: string },
): Warning[] {
  if (pictures.length === 0) return [];
  return [{ code, pictureIds: pictures.map(({ pictureId }) => pictureId), message: message(pictures.length), remedy }];
}
