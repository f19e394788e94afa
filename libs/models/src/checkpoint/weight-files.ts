import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** A file of a model: where it lies, and where it goes in the family's folder. */
export type WeightFile = { readonly from: string; readonly to: string; readonly sizeBytes: number };

/** Other tools' formats of the same weights, pickles among them; none is loaded. */
const otherFormats = /\.(bin|pt|pth|ckpt|onnx|onnx_data|msgpack|h5|tflite|pb|xml)$/;

/**
 * What `from_pretrained` reads of a folder. Where weights lie twice, in full and in half precision (`.fp16.`), the full ones are taken; where only the half ones lie, they lose
 * their suffix, as if they had been saved alone. Single-file checkpoints beside the folders are the same weights again.
 */
export async function weightFilesOf(folder: string): Promise<readonly WeightFile[]> {
  const found = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.') && !otherFormats.test(entry.name))
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter(
      (name) =>
        !name.split(path.sep).some((part) => part.startsWith('.')) && !(path.dirname(name) === '.' && name.endsWith('.safetensors')),
    );
  const names = new Set(found);
  const files: WeightFile[] = [];
  for (const name of found.toSorted()) {
    const plain = name.replace(/\.fp16(?=[.-])/, '').replace('.index.fp16.json', '.index.json');
    if (plain !== name && hasPlain(names, plain)) continue;
    const from = path.join(folder, name);
    const { size, isFile } = await stat(from).then((stats) => ({ size: stats.size, isFile: stats.isFile() }));
    if (isFile) files.push({ from, to: plain, sizeBytes: size });
  }
  return files;
}

/** In one file, or in several. */
const hasPlain = (names: ReadonlySet<string>, plain: string): boolean =>
  names.has(plain) || names.has(plain.replace(/(-\d{5}-of-\d{5})?\.safetensors$/, '.safetensors.index.json'));

/** Copies, or links where `isLinked`; an index of split weights names them without the suffix that they have lost. */
export async function placeFile({ from, to }: WeightFile, folder: string, isLinked: boolean): Promise<void> {
  const target = path.join(folder, to);
  await mkdir(path.dirname(target), { recursive: true });
  if (from.endsWith('.index.fp16.json')) await writeFile(target, (await readFile(from, 'utf8')).replaceAll('.fp16', ''));
  else if (isLinked) await symlink(path.resolve(from), target);
  else await copyFile(from, target, constants.COPYFILE_FICLONE);
}

/** One digest for all: their names in the family's folder and their bytes, in the order of the names. */
export async function digestOf(files: readonly WeightFile[], onBytes: (count: number) => void): Promise<string> {
  const all = createHash('sha256');
  for (const { from, to } of files.toSorted((a, b) => (a.to < b.to ? -1 : 1))) {
    const one = createHash('sha256');
    for await (const chunk of createReadStream(from, { highWaterMark: 4 * 1024 * 1024 })) {
      one.update(chunk as Buffer);
      onBytes((chunk as Buffer).length);
    }
    all.update(`${to}\0${one.digest('hex')}\n`);
  }
  return all.digest('hex');
}
