import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);

/** What a process of its own writes to its log. */
async function logOf(statements: string): Promise<Record<string, unknown>> {
  const modules = ['logger', 'trace']
    .map((name) => `import * as ${name} from ${JSON.stringify(new URL(`./${name}.js`, import.meta.url).href)};`)
    .join('');
  const { stderr } = await run(process.execPath, [
    '--input-type=module',
    '--eval',
    `${modules} const log = logger.createLogger('info', 'test'); ${statements}`,
  ]);
  return JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

describe('the log', () => {
  it('names the trace and the span in hand', async () => {
    const line = await logOf(`trace.withTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', () => log.warn('slow'));`);
    expect(line).toMatchObject({ msg: 'slow', trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' });
  });

  it('says nothing of traces where there is none, and no secrets anywhere', async () => {
    const line = await logOf(`log.warn({ settings: { mongoUrl: 'mongodb://user:password@host' } }, 'started');`);
    expect(line).toMatchObject({ msg: 'started', settings: { mongoUrl: '[redacted]' } });
    expect(line).not.toHaveProperty('trace_id');
  });
});
