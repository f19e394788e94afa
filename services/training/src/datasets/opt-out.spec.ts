import { describe, expect, it } from '@jest/globals';
import { isOptedOut, parseOptOut } from './opt-out.js';

const sha256 = 'ab'.repeat(32);
const perceptualHash = '0f1e2d3c4b5a6978';

describe('an opt-out list', () => {
  it('names files by their digest and works by how they look', () => {
    const list = parseOptOut(`# of the studio\n${sha256.toUpperCase()}  # a poster\n\n  ${perceptualHash}\r\n`);
    const other = 'cd'.repeat(32);
    expect(isOptedOut(list, { sha256, perceptualHash: '0'.repeat(16) })).toBe(true);
    expect(isOptedOut(list, { sha256: other, perceptualHash: '0f1e2d3c4b5a6947' })).toBe(true);
    expect(isOptedOut(list, { sha256: other, perceptualHash: '0f1e2d3c4b5a6987' })).toBe(false);
  });

  it.each([
    ['neither of both', `${sha256}\nposter.png`, 'line 2 is neither a SHA-256 nor a perceptual hash: poster.png'],
    ['a hash that every flat picture has', '0'.repeat(16), 'line 1: the perceptual hash 0000000000000000 is that of any flat picture'],
  ])('is refused with its line when it has %s', (_what, text, sentence) => {
    expect(() => parseOptOut(text)).toThrow(sentence);
  });
});
