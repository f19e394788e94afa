import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { bundledModelsDir, loadFamilies } from '@tessera/models/families.js';
import { pythonPackages } from '@tessera/servers/python-packages.js';
import { BundledTools } from '../bundled-tools.js';
import type { DiffusionEngine } from '../diffusion-engine.js';
import { openEngine } from '../open-engine.js';
import { PythonTasks } from './python-tasks.js';
import { all, describeRemoteEngine, mosaicBatch } from './remote-engine.conformance.js';
import { RemoteEngine } from './remote-engine.js';

const logger = pino({ level: 'silent' });
const never = new AbortController().signal;
const imagesOf = (updates: Awaited<ReturnType<typeof all>>) => updates.filter(({ type }) => type === 'image');

/** Everything that the engine logs, and the process ids of the children that it starts. */
function listening() {
  const lines: { readonly level: number; readonly msg: string; readonly pythonPid?: number }[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) });
  return {
    log,
    lines,
    pids: () => lines.flatMap(({ msg, pythonPid }) => (msg === 'the Python process is ready' && pythonPid ? [pythonPid] : [])),
  };
}

/** A zombie is gone: in a container there may be nobody who waits for it. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/\) Z /.test(existsSync('/proc') ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '');
  } catch {
    return false;
  }
};

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}

const noTools = new BundledTools(() => Promise.reject(new Error('the graphs run in Python')));

describe('Python as an engine', () => {
  let pythonProgram: string;
  let engine: DiffusionEngine;
  const open = (log = logger) => openEngine({ engine: 'python', pythonProgram, threads: 2, logger: log });
  beforeAll(async () => {
    pythonProgram = await pythonPackages();
    engine = await open();
  }, 600_000);
  afterAll(() => engine?.close());

  describeRemoteEngine('python', () => engine, open);

  it('starts no process before something is to be generated, and ends it when it is closed', async () => {
    const { log, pids } = listening();
    const other = await open(log);
    await other.describe();
    expect(pids()).toEqual([]);
    await other.warm('mosaic-3d');
    expect(pids()).toHaveLength(1);
    await other.close();
    await untilGone(pids()[0]!);
    await expect(all(other.generate(mosaicBatch(), never))).rejects.toMatchObject({ kind: 'Unavailable' });
    expect(pids()).toHaveLength(1);
  });

  it('fails what is in flight when its process is killed, and generates again with another one', async () => {
    const { log, pids } = listening();
    const other = await open(log);
    try {
      const running = (async () => {
        for await (const update of other.generate(mosaicBatch({ steps: 60 }), never))
          if (update.type === 'step' && update.step === 2) process.kill(pids()[0]!, 'SIGKILL');
      })();
      await expect(running).rejects.toMatchObject({
        kind: 'Unavailable',
        reason: 'engine_unavailable',
        message: expect.stringContaining('has ended with SIGKILL'),
      });
      expect(imagesOf(await all(other.generate(mosaicBatch(), never)))).toHaveLength(2);
      expect(pids()).toHaveLength(2);
    } finally {
      await other.close();
    }
  });

  it('ends a task that is cancelled, so that its place is free for the next one', async () => {
    const controller = new AbortController();
    const cancelled = (async () => {
      for await (const update of engine.generate(mosaicBatch({ steps: 60 }), controller.signal))
        if (update.type === 'step') controller.abort();
    })();
    await expect(cancelled).rejects.toMatchObject({ kind: 'Cancelled' });
    expect(imagesOf(await all(engine.generate(mosaicBatch(), never)))).toHaveLength(2);
  });

  it('does not outlive a worker that is killed while it generates', async () => {
    const parent = spawn(process.execPath, [path.join(import.meta.dirname, 'python-parent.fixture.js'), pythonProgram], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(chunk.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await untilGone(pid);
  });

  describe('says what to do', () => {
    let folder: string;
    beforeEach(async () => {
      folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-python-'));
    });
    afterEach(() => fs.rm(folder, { recursive: true, force: true }));
    const program = async (script: string) => {
      const file = path.join(folder, 'python');
      await fs.writeFile(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return file;
    };
    const opened = async (wanted: string, log = logger) =>
      new RemoteEngine(
        'python',
        await loadFamilies(bundledModelsDir),
        new PythonTasks({ program: wanted, modelsDir: bundledModelsDir, threads: 1, logger: log }),
        log,
        noTools,
      );
    const refused = async (wanted: string) => {
      const other = await opened(wanted);
      return other.warm('mosaic-3d').finally(() => other.close());
    };

    it('when a package is missing', async () => {
      // Without the folders of packages, numpy among them; our own package is found all the same.
      await expect(refused(await program('exec python3 -S "$@"'))).rejects.toMatchObject({
        kind: 'Unavailable',
        message: expect.stringMatching(/has no package "numpy": .*pip install -r .*deploy\/python\/requirements\.txt/),
      });
    });

    it('with the traceback in the log when something breaks inside', async () => {
      const { log, lines } = listening();
      const models = path.join(folder, 'models');
      await fs.cp(bundledModelsDir, models, { recursive: true });
      const other = new RemoteEngine(
        'python',
        await loadFamilies(models),
        new PythonTasks({ program: pythonProgram, modelsDir: models, threads: 1, logger: log }),
        log,
        noTools,
      );
      try {
        await other.warm('mosaic-3d');
        await fs.rm(path.join(models, 'mosaic', 'manifest.json'));
        await fs.writeFile(path.join(models, 'mosaic', 'manifest.json'), '{');
        await expect(all(other.generate(mosaicBatch(), never))).rejects.toMatchObject({ kind: 'Internal', reason: 'painting_failed' });
        expect(lines.filter(({ level }) => level === 50).map(({ msg }) => msg)).toEqual(
          expect.arrayContaining(['Traceback (most recent call last):']),
        );
      } finally {
        await other.close();
      }
    });
  });
});
