import { captionTooLong, invalidText } from './errors.js';

/** Far more than any text encoder reads. */
export const captionCharsMax = 2_000;
const noteCharsMax = 500;
const nameCharsMax = 100;
const descriptionCharsMax = 1_000;
const triggerCharsMax = 50;
const fileNameCharsMax = 255;

/** What is said of a picture by whoever adds it. Empty: nothing. */
export type Notes = { readonly caption: string; readonly provenance: string; readonly licence: string };

export const noNotes: Notes = { caption: '', provenance: '', licence: '' };

export function requireCaption(caption: string): string {
  if (caption.length > captionCharsMax) throw captionTooLong(captionCharsMax);
  return caption.trim();
}

const bounded = (param: string, text: string, max: number, min = 0): string => {
  if (text.length > max || text.trim().length < min) throw invalidText(param, min, max);
  return text.trim();
};

export const requireProvenance = (text: string): string => bounded('provenance', text, noteCharsMax);
export const requireLicence = (text: string): string => bounded('licence', text, noteCharsMax);
export const requireName = (text: string): string => bounded('name', text, nameCharsMax, 1);
export const requireDescription = (text: string): string => bounded('description', text, descriptionCharsMax);
export const requireTrigger = (text: string): string => bounded('trigger', text, triggerCharsMax);

export const requireNotes = ({ caption, provenance, licence }: Notes = noNotes): Notes => ({
  caption: requireCaption(caption),
  provenance: requireProvenance(provenance),
  licence: requireLicence(licence),
});

/** A name is a text to show; one that is too long keeps its beginning and its ending. */
export const fileNameOf = (name: string): string => (name.length > fileNameCharsMax ? `${name.slice(0, 200)}…${name.slice(-40)}` : name);
