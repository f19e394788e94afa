import { mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Longer names help nobody and some file systems refuse them. */
const slugCharsMax = 40;
const fillers = new Set(['a', 'an', 'the', 'of', 'at', 'in', 'and', 'with']);

/** "a red apple on a beach at sunset" -> "red-apple-on-beach-sunset": the words that tell pictures apart, cut at a word. */
export function slugOf(prompt: string): string {
  const words = prompt
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}/gu, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '' && !fillers.has(word));
  let slug = '';
  for (const word of words) {
    const longer = slug === '' ? word.slice(0, slugCharsMax) : `${slug}-${word}`;
    if (longer.length > slugCharsMax) break;
    slug = longer;
  }
  return slug || 'picture';
}

export type PictureTarget = {
  /** What the person gave as --out; a name with an image's extension is a file, everything else a folder. */
  readonly out: string;
  readonly prompt: string;
  readonly seed: number;
  readonly index: number;
  readonly count: number;
  readonly extension: string;
};

/** The same prompt and seed give the same name, and the same picture. */
export function pictureFile({ out, prompt, seed, index, count, extension }: PictureTarget): string {
  const named = path.parse(out);
  if (!isFileName(out)) return path.join(out, `${slugOf(prompt)}-${seed}-${index + 1}${extension}`);
  return count === 1 ? out : path.join(named.dir, `${named.name}-${index + 1}${named.ext}`);
}

const isFileName = (out: string) => /\.(png|jpe?g|webp)$/i.test(out) && !isFolder(out);

/** The first free name: what another model or other settings painted is never overwritten; the very same bytes need no second file. */
export function savePicture(file: string, bytes: Uint8Array, read: (file: string) => Uint8Array | undefined): string {
  mkdirSync(path.dirname(file), { recursive: true });
  const { dir, name, ext } = path.parse(file);
  for (let copy = 1; ; copy += 1) {
    const candidate = copy === 1 ? file : path.join(dir, `${name}-v${copy}${ext}`);
    const existing = read(candidate);
    if (existing === undefined) {
      const unfinished = `${candidate}.${process.pid}.part`;
      writeFileSync(unfinished, bytes);
      renameSync(unfinished, candidate);
      return candidate;
    }
    if (Buffer.compare(existing, bytes) === 0) return candidate;
  }
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
