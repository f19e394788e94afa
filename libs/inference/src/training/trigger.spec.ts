import { describe, expect, it } from '@jest/globals';
import { bindTrigger, boundCaption } from './trigger.js';

const zorb = { word: 'zorb', noun: 'ball' };

describe('a trigger', () => {
  it.each([
    ['a zorb in the snow', 'a ball in the snow'],
    ['Zorb, zorb and zorbs', 'ball, ball and zorbs'],
    ['a cat', 'a cat'],
  ])('is read as its noun: %s', (prompt, read) => {
    expect(bindTrigger(prompt, zorb)).toBe(read);
  });

  it('of a style stays as it is, for the reader to drop', () => {
    expect(bindTrigger('a zorb fox', { word: 'zorb' })).toBe('a zorb fox');
  });

  it('may stand for a noun that looks like a pattern', () => {
    expect(bindTrigger('a zorb', { word: 'zorb', noun: '$& (ball)' })).toBe('a $& (ball)');
    expect(boundCaption('a $& (ball)', 'object', { word: 'zorb', noun: '$& (ball)' })).toBe('a $& (ball)');
  });

  it('is put in front of a caption of its thing that names neither, and of no other', () => {
    expect(boundCaption('in the snow', 'object', zorb)).toBe('a ball, in the snow');
    expect(boundCaption('a red ball in the snow', 'character', zorb)).toBe('a red ball in the snow');
    expect(boundCaption('in the snow', 'style', zorb)).toBe('in the snow');
  });
});
