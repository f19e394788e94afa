import { describe, expect, it } from '@jest/globals';
import { isOverfitting, noValidation, withValidation } from './validation-history.js';

const after = (...losses: number[]) => losses.reduce((history, loss, k) => withValidation(history, (k + 1) * 10, loss), noValidation);

describe('the history of validation losses', () => {
  it.each([
    ['rises twice running', [3, 2, 2.1, 2.2], true],
    ['rises once', [3, 2, 2.1], false],
    ['rises twice with a fall between', [3, 3.1, 2, 2.1], false],
    ['stays where it is', [2, 2, 2, 2], false],
  ])('that %s', (_what, losses, overfits) => {
    expect(isOverfitting(after(...losses))).toBe(overfits);
  });

  it('knows the lowest, the first of equals', () => {
    expect(after(3, 2, 2, 4).best).toEqual({ step: 20, loss: 2 });
  });
});
