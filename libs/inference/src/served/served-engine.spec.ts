import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { describeDiffusionEngineConformance } from '../diffusion-engine.conformance.js';
import { imagesReply, openServed, type OpenServed, SmallServer } from './small-server.fixture.js';

let server: SmallServer;
let opened: OpenServed | undefined;
beforeAll(async () => {
  server = await SmallServer.start(imagesReply);
});
afterEach(() => opened?.close());
afterAll(() => server.close());

describeDiffusionEngineConformance(
  'served',
  async () => {
    opened = await openServed({ pipeline: 'openai-server', kind: 'vllm-omni', edits: 'mask', server: { url: `${server.origin}/v1` } });
    return opened.engine;
  },
  'pictures',
);
