import { readFile } from 'node:fs/promises';

/** CLIP's printable stand-ins for bytes (https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py): printable ones are themselves, the others follow from 256 on. */
function byteLetters(): string[] {
  const ranges = [
    [33, 126],
    [161, 172],
    [174, 255],
  ] as const;
  const printable = ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, k) => from + k));
  const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !printable.includes(byte));
  return [...printable.map((byte) => String.fromCodePoint(byte)), ...others.map((_, k) => String.fromCodePoint(256 + k))];
}

/** `vocab.json` of CLIP's tokenizer, which follows from its merges: 49,408 words. */
export async function clipVocabulary(mergesFile: string): Promise<Record<string, number>> {
  const letters = byteLetters();
  const [, ...merges] = (await readFile(mergesFile, 'utf8')).trimEnd().split('\n');
  const words = [
    ...letters,
    ...letters.map((letter) => `${letter}</w>`),
    ...merges.map((pair) => pair.replace(' ', '')),
    '<|startoftext|>',
    '<|endoftext|>',
  ];
  return Object.fromEntries(words.map((word, number) => [word, number]));
}
