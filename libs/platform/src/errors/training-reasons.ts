import type { ReasonEntry } from './reason-entry.js';

/** Datasets, and what is learnt from them. */
export const trainingReasons = {
  unknown_dataset: { kind: 'NotFound', explains: 'The account has no dataset with this id.' },
  unknown_dataset_picture: { kind: 'NotFound', explains: 'The dataset has no picture with this id.' },
  unknown_dataset_version: { kind: 'NotFound', explains: 'The dataset has no version with this digest.' },
  too_many_datasets: { kind: 'FailedPrecondition', explains: 'The account has as many datasets as an account may have; delete one first.' },
  dataset_full: {
    kind: 'FailedPrecondition',
    explains:
      'The dataset would have more pictures than the plan or this server allows. Forms that were handed out count until they expire. Nothing was added.',
  },
  too_many_versions: { kind: 'FailedPrecondition', explains: 'The dataset has as many versions as a dataset may have.' },
  caption_too_long: { kind: 'InvalidArgument', explains: 'A caption has at most 2,000 characters; models read far fewer.' },
  picture_too_small: {
    kind: 'InvalidArgument',
    explains: 'The shorter side of the picture has fewer than 256 pixels: nothing can be learnt from it at the sizes that models have.',
  },
  picture_opted_out: {
    kind: 'PermissionDenied',
    explains: "The picture, or one that looks like it, is on the server's list of works whose authors want no training with them.",
  },
  zip_unreadable: {
    kind: 'InvalidArgument',
    explains: 'The file is no zip that is read here: it is damaged, encrypted, in several parts, or packed by another method than deflate.',
  },
  zip_too_large: {
    kind: 'InvalidArgument',
    explains: 'The zip, or what it unpacks to, is larger than is taken, or it claims what no pictures do. Send it in several parts.',
  },
  no_usable_pictures: {
    kind: 'FailedPrecondition',
    explains: 'The dataset has no picture that can be learnt from: it is empty, or all of its pictures have been opted out.',
  },
} as const satisfies Record<string, ReasonEntry>;
