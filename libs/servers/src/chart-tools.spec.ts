import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installChartTools, presentChartTools } from './chart-tools.js';

/** A machine that has nothing but what a test puts on it. */
let folder: string;
const before = { PATH: process.env['PATH'], TESSERA_CACHE: process.env['TESSERA_CACHE'] };
const program = async (name: string, script: string) => {
  await writeFile(path.join(folder, 'bin', name), `#!/bin/sh\n${script}\n`);
  await chmod(path.join(folder, 'bin', name), 0o755);
};

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-chart-tools-'));
  await mkdir(path.join(folder, 'bin'));
  process.env['PATH'] = path.join(folder, 'bin');
  process.env['TESSERA_CACHE'] = path.join(folder, 'cache');
});
afterEach(async () => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await rm(folder, { recursive: true, force: true });
});

describe('the tools for the chart', () => {
  it('are those of the machine where it has them', async () => {
    await program('helm', '');
    await program('kubernetes-validate', '');
    const tools = { helm: path.join(folder, 'bin', 'helm'), validator: path.join(folder, 'bin', 'kubernetes-validate') };
    expect(presentChartTools()).toEqual(tools);
    expect(await installChartTools()).toEqual(tools);
  });

  it('are left out with a reason on a machine without Go', async () => {
    await program('python3', '');
    expect(await installChartTools()).toEqual({ skipped: 'this machine has neither helm nor Go, which builds it' });
  });

  it('are left out with a reason on a machine without Python', async () => {
    await program('go', '');
    expect(await installChartTools()).toEqual({ skipped: expect.stringContaining('lacks Python 3') });
  });

  it('are left out with the last words of what failed, without a network', async () => {
    await program('go', 'echo "go: downloading" >&2; echo "dial tcp: lookup proxy.golang.org: no such host" >&2; exit 1');
    await program('python3', '');
    expect(await installChartTools()).toEqual({
      skipped: expect.stringContaining(
        'its tools could not be fetched: go install failed: dial tcp: lookup proxy.golang.org: no such host',
      ),
    });
    expect(presentChartTools()).toBeUndefined();
  });

  it('are fetched once', async () => {
    await program('go', 'echo go >> "$TESSERA_CACHE/calls"; echo > "$GOBIN/helm"');
    await program('python3', 'echo python >> "$TESSERA_CACHE/calls"');
    const tools = await installChartTools();
    expect(tools).toEqual(presentChartTools());
    await rm(path.join(folder, 'bin'), { recursive: true });
    expect(await installChartTools()).toEqual(tools);
  });
});
