import { TesseraError } from '@tessera/platform/errors.js';

/** Waits for a change that may be refused for one of these reasons: then it is not needed. */
export async function unless(reasons: readonly string[], change: Promise<unknown>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!(error instanceof TesseraError) || !reasons.includes(error.reason)) throw error;
  }
}
