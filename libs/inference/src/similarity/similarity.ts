/**
 * How much a thing in a picture is like the character that was asked for, each from 0 (another one) to 1 (the same): `head` is its upper part, `angle` how near its
 * posture is to the nearest reference's, absent where the silhouette does not tell.
 */
export type Facets = { readonly head: number; readonly colours: number; readonly body: number; readonly angle?: number };

export type Likeness = {
  readonly facets: Facets;
  readonly overall: number;
  /** Which measure it was, with its version: figures of different measures cannot be compared. */
  readonly measuredBy: string;
};

/** Measures the likeness of a picture to references. Deterministic; it judges, and changes nothing. */
export abstract class Similarity {
  /**
   * Pictures are encoded (PNG, JPEG, WebP); a reference with a transparent background is cut out by it. Of several things in the picture, the one that is most like the
   * references counts, and of several references the one that it is most like. A picture that shows nothing scores 0. Errors: InvalidArgument `unreadable_picture`;
   * `empty_character` where no reference shows anything.
   */
  abstract compare(references: readonly Uint8Array[], picture: Uint8Array): Promise<Likeness>;
  abstract close(): Promise<void>;
}
