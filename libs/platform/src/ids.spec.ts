import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { derivedId, isUuid, newId } from './ids.js';

describe('ids', () => {
  it('mints UUIDs of version 7 in the order of creation', () => {
    const ids = Array.from({ length: 10_000 }, () => newId());
    expect(ids.every((id) => isUuid(id) && id[14] === '7')).toBe(true);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(10_000);
  });

  it('derives the same UUID from the same parts, and another one from any others', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        expect(isUuid(derivedId(...a))).toBe(true);
        expect(derivedId(...a) === derivedId(...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});
