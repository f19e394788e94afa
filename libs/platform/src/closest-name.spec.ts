import { describe, expect, it } from '@jest/globals';
import { closestName } from './closest-name.js';

describe('the closest name', () => {
  it('is the one with the fewest slips', () => {
    expect(closestName('promt', ['width', 'prompt', 'preset'])).toBe('prompt');
    expect(closestName('mosiac-3d', ['mosaic-flat', 'mosaic-3d'])).toBe('mosaic-3d');
  });

  it('does not count case, hyphens and underscores', () => {
    expect(closestName('NumImages', ['num_images', 'images'])).toBe('num_images');
  });

  it('is not offered when another word was meant, or nothing a name could be', () => {
    expect(closestName('colour', ['prompt', 'width'])).toBeUndefined();
    expect(closestName('xy', ['ab'])).toBeUndefined();
    expect(closestName('', ['prompt'])).toBeUndefined();
    expect(closestName('prompt'.repeat(20), ['prompt'])).toBeUndefined();
  });
});
