import { Injectable } from '@nestjs/common';

export type CaptionProposal = { readonly caption: string; readonly source: 'file_name' | 'proposed' };

/** Finds words for a picture that came without a caption. The bundled one reads names of files; one that looks at pictures takes its place in the module. */
export abstract class Captioner {
  /** Undefined where it has no words. What a caption says wrongly is learnt wrongly: rather none than a guess. */
  abstract propose(picture: { readonly fileName: string; readonly bytes: Uint8Array }): Promise<CaptionProposal | undefined>;
}

/** What cameras, telephones and browsers call a file. */
const noWords = new Set(
  'img image images dsc dscn dscf pict pxl mvimg photo photos picture pic screenshot screen shot untitled unnamed file download copy scan final edit edited whatsapp signal png jpg jpeg webp heic the of'.split(
    ' ',
  ),
);

/** "red-fox_in snow (2).png" says what it shows, "IMG_2041.jpg" does not. */
@Injectable()
export class FileNameCaptioner extends Captioner {
  async propose({ fileName }: { readonly fileName: string }): Promise<CaptionProposal | undefined> {
    const caption = wordsOf(fileName).join(' ');
    return /\p{L}{3}/u.test(caption) ? { caption, source: 'file_name' } : undefined;
  }
}

function wordsOf(fileName: string): string[] {
  const name = baseNameOf(fileName).replace(/\.[a-z0-9]{1,5}$/i, '');
  const words = name
    .normalize('NFC')
    .split(/[^\p{L}\p{N}'’]+/u)
    // Numbers, and what has some inside, are counters, dates and digests.
    .filter((word) => word !== '' && !/\p{N}/u.test(word));
  return words.every((word) => noWords.has(word.toLowerCase())) ? [] : words;
}

/** Archives write folders with either slash. */
export const baseNameOf = (name: string): string => name.split(/[/\\]/).at(-1) ?? '';
