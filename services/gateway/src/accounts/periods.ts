import { invalidField } from '../errors.js';

/** Milliseconds since epoch; absent: from the beginning, to now. */
export type Period = { readonly from?: number | undefined; readonly to?: number | undefined };

/** Both ends are judged together, also where one is left out: a report over time that runs backwards would be made of zeros. `param` is the name of the beginning as the caller wrote it. */
export function requireForward({ from, to }: Period, nowMs: number, param: string): void {
  if (from === undefined || from <= (to ?? nowMs)) return;
  throw invalidField(to === undefined ? 'A period that ends now cannot begin later.' : 'The period ends before it begins.', param);
}
