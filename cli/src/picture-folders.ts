import { openAsBlob, readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { CommandFailure, exitCodes } from './failure.js';

export type FileToAdd = { readonly file: string; readonly fileName: string; readonly caption: string | undefined };

const isPicture = (name: string) => /\.(?:png|jpe?g|webp)$/i.test(name) && !name.startsWith('.');
const isZip = (name: string) => /\.zip$/i.test(name);
const inOrder = new Intl.Collator('en', { numeric: true });

/** The pictures and zips that these paths mean: folders give their pictures, and a text beside a picture is its caption. */
export async function filesToAdd(paths: readonly string[]): Promise<FileToAdd[]> {
  const files: FileToAdd[] = [];
  for (const given of paths) {
    const stats = statSync(given, { throwIfNoEntry: false });
    if (!stats) throw new CommandFailure(`There is no ${given}.`, exitCodes.refused);
    if (!stats.isDirectory()) files.push(fileToAdd(given));
    else {
      const names = (await readdir(given)).filter(isPicture).sort(inOrder.compare);
      if (names.length === 0) throw new CommandFailure(`${given} holds no PNG, JPEG or WebP pictures.`, exitCodes.refused);
      files.push(...names.map((name) => fileToAdd(path.join(given, name))));
    }
  }
  return files;
}

function fileToAdd(file: string): FileToAdd {
  const fileName = path.basename(file);
  const { dir, name } = path.parse(file);
  const captionFile = path.join(dir, `${name}.txt`);
  const hasCaption = !isZip(file) && statSync(captionFile, { throwIfNoEntry: false })?.isFile() === true;
  return { file, fileName, caption: hasCaption ? readFileSync(captionFile, 'utf8').replaceAll(/\s+/g, ' ').trim() : undefined };
}

/** The fields come first: what is said of a file is known before its bytes come. */
export async function formOf(
  { file, fileName, caption }: FileToAdd,
  notes: Readonly<Record<string, string | undefined>>,
): Promise<FormData> {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...notes, caption })) if (value) form.append(name, value);
  form.append('file', await openAsBlob(file), fileName);
  return form;
}
