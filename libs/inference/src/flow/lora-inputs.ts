import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { internal } from '@tessera/platform/errors.js';
import { type Adapter, type AdapterShape, combineAdapters, readAdapter } from '../lora/adapter.js';
import type { AdapterInput } from '../diffusion-engine.js';
import type { Manifest, Variant } from '@tessera/models/manifest.js';
import type { Model } from './model.js';
import { floats, type Tensors } from './sessions.js';

/** The adapters of a batch, and the one that makes a distilled variant what it is, as the denoiser takes them; nothing for a denoiser that takes none. */
export async function adapterTensors(model: Model, { distilled }: Variant, asked: readonly AdapterInput[]): Promise<Tensors> {
  const shape = model.manifest.adapters;
  if (!shape) return {};
  const inputs = distilled ? [{ id: distilled.adapter, weight: 1 }, ...asked] : asked;
  const uses = await Promise.all(
    inputs
      .filter(({ weight }) => weight !== 0)
      .map(async ({ id, bytes, weight }: AdapterInput) => ({
        weight,
        adapter: bytes ? readAdapter(bytes, shape) : await bundled(model, shape, id),
      })),
  );
  const { tensors } = combineAdapters(uses, shape);
  return Object.fromEntries([...tensors].map(([name, { shape: lengths, data }]) => [name, floats(data, ...lengths)]));
}

function bundled({ manifest, bundled: known }: Model, shape: AdapterShape, id: string): Promise<Adapter> {
  const loading = known.get(id) ?? load(manifest, shape, id);
  known.set(id, loading);
  loading.catch(() => known.delete(id));
  return loading;
}

async function load({ folder }: Manifest, shape: AdapterShape, id: string): Promise<Adapter> {
  try {
    return readAdapter(await readFile(path.join(folder, shape.files[id] ?? '')), shape);
  } catch (cause) {
    throw internal('broken_model', `The adapter "${id}" that comes with the model cannot be loaded; the log says why.`, { cause });
  }
}
