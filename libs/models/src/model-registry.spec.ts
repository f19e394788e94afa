import { describe, expect, it } from '@jest/globals';
import { openEngine } from '@tessera/inference/open-engine.js';
import { parseConfig } from '@tessera/platform/config.js';
import { createLogger } from '@tessera/platform/logger.js';
import { Models } from './models.js';

const modelsWith = async (modelPools: Record<string, string>) =>
  new Models(await openEngine({ engine: 'noop', threads: 1, logger: createLogger('silent', 'models') }), parseConfig({ dataDir: 'unused', modelPools }));

describe('pools of models', () => {
  it('are one, where nothing is said', async () => {
    const models = await modelsWith({});
    expect(models.pools).toEqual(['default']);
    expect(models.poolOf('mosaic-3d')).toBe('default');
  });

  it('hold the models that are given to them, and the default pool the others', async () => {
    const models = await modelsWith({ 'mosaic-3d': 'large' });
    await models.onModuleInit();
    expect(models.pools).toEqual(['default', 'large']);
    expect([models.poolOf('mosaic-3d'), models.poolOf('another')]).toEqual(['large', 'default']);
  });

  it('are refused at start when they name a model that does not exist', async () => {
    const models = await modelsWith({ 'mosaik-3d': 'large' });
    await expect(models.onModuleInit()).rejects.toThrow('TESSERA_MODEL_POOLS names the model "mosaik-3d"; there are ');
  });
});
