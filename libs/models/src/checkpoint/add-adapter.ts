import { constants } from 'node:fs';
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { diffusersSchema } from '../diffusers-manifest.js';
import { parseFile } from '../parse-file.js';
import { recogniseFile } from './recognise-file.js';
import { readSafetensorsHeader } from './safetensors-header.js';

/** Puts a LoRA file beside a diffusers family, so that requests may name it by `adapterId`. Throws a sentence for another file, and for an id that is taken. */
export async function addAdapter(from: string, family: { readonly folder: string }, adapterId: string): Promise<void> {
  const recognised = recogniseFile(await readSafetensorsHeader(from));
  if (recognised.kind !== 'adapter') throw new Error(`${from} is no adapter (LoRA).`);
  const manifestPath = path.join(family.folder, 'manifest.json');
  const json = await readFile(manifestPath, 'utf8');
  const { adapterFiles = {} } = parseFile(diffusersSchema, json, manifestPath);
  if (adapterId in adapterFiles) throw new Error(`${family.folder} has an adapter "${adapterId}" already: choose another name with --id.`);
  const file = `adapters/${adapterId}.safetensors`;
  await mkdir(path.join(family.folder, 'adapters'), { recursive: true });
  await copyFile(from, path.join(family.folder, file), constants.COPYFILE_FICLONE);
  const changed = { ...(JSON.parse(json) as object), adapterFiles: { ...adapterFiles, [adapterId]: file } };
  // Whoever reads the manifest meanwhile reads the old one or the new one.
  await writeFile(`${manifestPath}.new`, `${JSON.stringify(changed, undefined, 2)}\n`);
  await rename(`${manifestPath}.new`, manifestPath);
}
