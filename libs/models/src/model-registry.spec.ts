import { describe, expect, it } from '@jest/globals';
import { openModelRegistry } from './open-model-registry.js';

const registryWith = (modelPools: Record<string, string>) => openModelRegistry({ engine: 'noop', modelPools });

describe('pools of models', () => {
  it('are one, where nothing is said', async () => {
    const registry = await registryWith({});
    expect(registry.pools).toEqual(['default']);
    expect(registry.poolOf('mosaic-3d')).toBe('default');
    expect(registry.inPool('anything')).toEqual(registry.list);
  });

  it('hold the models that are given to them, and the default pool the others', async () => {
    const registry = await registryWith({ 'mosaic-3d': 'large' });
    registry.requireKnownPools();
    expect(registry.pools).toEqual(['default', 'large']);
    expect([registry.poolOf('mosaic-3d'), registry.poolOf('another')]).toEqual(['large', 'default']);
    expect(registry.inPool('large').map(({ modelId }) => modelId)).toEqual(['mosaic-3d']);
    expect(registry.inPool('default').map(({ modelId }) => modelId)).toEqual(
      registry.list.map(({ modelId }) => modelId).filter((modelId) => modelId !== 'mosaic-3d'),
    );
  });

  it('are refused at start when they name a model that does not exist', async () => {
    const registry = await registryWith({ 'mosaik-3d': 'large' });
    expect(() => registry.requireKnownPools()).toThrow('TESSERA_MODEL_POOLS names the model "mosaik-3d"; there are ');
  });
});

describe('a model', () => {
  it('goes by its id, its aliases and its UUID, in any case; without a name it is the default', async () => {
    const registry = await registryWith({});
    const model = registry.named('');
    expect(model.isDefault).toBe(true);
    for (const name of [model.modelId, model.modelId.toUpperCase(), ...model.aliases, model.leonardoId])
      expect(registry.named(name)).toBe(model);
  });

  it('that does not exist is refused with the name that was probably meant', async () => {
    const registry = await registryWith({});
    expect(() => registry.named('mosaik-3d')).toThrow('There is no model "mosaik-3d". Did you mean "mosaic-3d"?');
  });
});
