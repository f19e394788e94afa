import { describe, expect, it } from '@jest/globals';
import { FileNameCaptioner } from './captioner.js';

describe('a caption from the name of a file', () => {
  const proposed = (fileName: string) => new FileNameCaptioner().propose({ fileName });

  it.each([
    ['red-fox_in snow (2).png', 'red fox in snow'],
    ['set/autumn/Füchse im Wald.JPG', 'Füchse im Wald'],
    ["my dog's bed.webp", "my dog's bed"],
    ['ゾーブの森の中.png', 'ゾーブの森の中'],
  ])('is what %s says', async (fileName, caption) => {
    expect(await proposed(fileName)).toEqual({ caption, source: 'file_name' });
  });

  it.each([
    'IMG_2041.jpg',
    'DSC00017.JPG',
    'Screenshot 2026-11-30.png',
    'a1b2c3d4e5f60718.webp',
    '0199f3c2-1d5e-7a41.png',
    'photo.jpg',
    'x.png',
    '',
  ])('is none where %s says nothing', async (fileName) => {
    expect(await proposed(fileName)).toBeUndefined();
  });
});
