import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const component = z.tuple([z.string().nullable(), z.string().nullable()]);
const modelIndex = z.looseObject({ _class_name: z.string() });

export type RecognisedFolder = {
  /** With `model_index.json` in it. */ readonly folder: string;
  readonly pipelineClass: string;
  /** Of a folder of the hub's cache, for example `stabilityai/stable-diffusion-xl-base-1.0@462165984030`. */ readonly source?: string;
  /** As its README says. */ readonly license?: string;
};

/** A folder as `save_pretrained` writes it, or one of the hub's cache (`models--owner--name`). Throws a sentence for what is neither, is incomplete, or could run code when it is loaded. */
export async function recogniseFolder(given: string): Promise<RecognisedFolder> {
  const hub = await hubSnapshot(given);
  const folder = hub?.folder ?? given;
  const json = await readFile(path.join(folder, 'model_index.json'), 'utf8').catch((cause: unknown) => {
    throw new Error(`${folder} holds no model_index.json: give a folder that diffusers has saved, or a .safetensors file.`, { cause });
  });
  const index = modelIndex.safeParse(parsedJson(json));
  if (!index.success) throw new Error(`${path.join(folder, 'model_index.json')} does not name its pipeline.`);
  for (const [name, value] of Object.entries(index.data)) {
    const parts = component.safeParse(value);
    if (!parts.success || parts.data[0] === null) continue;
    await refuseIncomplete(folder, name);
  }
  const license = await licenseOf(folder);
  return {
    folder,
    pipelineClass: index.data._class_name,
    ...(hub ? { source: hub.source } : {}),
    ...(license === undefined ? {} : { license }),
  };
}

async function hubSnapshot(given: string): Promise<{ folder: string; source: string } | undefined> {
  const [, owner, name] = /^models--(.+?)--(.+)$/.exec(path.basename(given)) ?? [];
  if (owner === undefined) return undefined;
  const named = await readFile(path.join(given, 'refs', 'main'), 'utf8').catch(() => undefined);
  const snapshots = await readdir(path.join(given, 'snapshots')).catch((): string[] => []);
  const revision = named?.trim() ?? (snapshots.length === 1 ? snapshots[0] : undefined);
  if (revision === undefined || !snapshots.includes(revision))
    throw new Error(
      `${given} holds ${snapshots.length} snapshots and names none of them as its main one: give the folder of the snapshot.`,
    );
  return { folder: path.join(given, 'snapshots', revision), source: `${owner}/${name}@${revision.slice(0, 12)}` };
}

/** Pickled weights run code when they are loaded; whoever gives a model away as such a file could have put anything into it. */
async function refuseIncomplete(folder: string, name: string): Promise<void> {
  const files = await readdir(path.join(folder, name)).catch(() => undefined);
  if (!files) throw new Error(`${folder} has no "${name}", which its model_index.json names: the download is not complete.`);
  const hasPickle = files.some((file) => /\.(bin|pt|pth|ckpt)$/.test(file));
  if (hasPickle && !files.some((file) => file.endsWith('.safetensors')))
    throw new Error(
      `${path.join(folder, name)} holds its weights as a pickle, which can run code when it is loaded: take the model's .safetensors files.`,
    );
}

/** The front matter of a model card. */
async function licenseOf(folder: string): Promise<string | undefined> {
  const card = await readFile(path.join(folder, 'README.md'), 'utf8').catch(() => '');
  const [, matter = ''] = /^---\n([\s\S]*?)\n---/.exec(card) ?? [];
  const of = (key: string) => new RegExp(`^${key}:\\s*["']?([^"'\\n]+)`, 'm').exec(matter)?.[1]?.trim();
  const license = of('license');
  return license === 'other' ? (of('license_name') ?? license) : license;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
