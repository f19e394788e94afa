import { describe, expect, it } from '@jest/globals';
import { configFromEnvironment, parseConfig } from './config.js';

describe('configuration', () => {
  it('reads the environment and lets the command line win', () => {
    const config = configFromEnvironment({ TESSERA_DATA: '/data', TESSERA_HTTP_PORT: '9000', TESSERA_ENGINE: 'onnx' }, { engine: 'noop', httpHost: undefined });
    expect(config).toMatchObject({ dataDir: '/data', httpPort: 9000, engine: 'noop', httpHost: '127.0.0.1' });
  });

  it('reads peers', () => {
    expect(configFromEnvironment({ TESSERA_PEERS: 'billing=127.0.0.1:9001, storage=10.0.0.2:9002' }).peers).toEqual({ billing: '127.0.0.1:9001', storage: '10.0.0.2:9002' });
  });

  it.each([
    [{ dataDir: '/d', engine: 'magic' }, 'engine'],
    [{ dataDir: '/d', httpPort: 70_000 }, 'httpPort'],
    [{ dataDir: '/d', apiKey: 'short' }, 'apiKey'],
    [{ dataDir: '/d', publicUrl: 'nowhere' }, 'publicUrl'],
    [{ dataDir: '' }, 'dataDir'],
  ])('names the setting that is wrong in %j', (input, name) => {
    expect(() => parseConfig(input)).toThrow(`Setting ${name}:`);
  });
});
