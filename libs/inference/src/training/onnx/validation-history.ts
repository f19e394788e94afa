/** What the validation losses so far say; all that an early stop and the choice of the best state need. */
export type ValidationHistory = {
  readonly last: number | undefined;
  /** How often running the loss has risen. */
  readonly rises: number;
  readonly best: { readonly step: number; readonly loss: number } | undefined;
};

/** One rise may be chance: the loss of a few pictures wavers. */
const risesMax = 2;

export const noValidation: ValidationHistory = { last: undefined, rises: 0, best: undefined };

export function withValidation(history: ValidationHistory, step: number, loss: number): ValidationHistory {
  const { last, rises, best } = history;
  return {
    last: loss,
    rises: last !== undefined && loss > last ? rises + 1 : 0,
    best: best === undefined || loss < best.loss ? { step, loss } : best,
  };
}

export const isOverfitting = ({ rises }: ValidationHistory): boolean => rises >= risesMax;
