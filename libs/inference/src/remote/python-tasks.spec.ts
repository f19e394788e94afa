import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { PythonTasks } from './python-tasks.js';

const never = new AbortController().signal;

describe('a Python process that cannot start', () => {
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
  const opened = (wanted: string) => new PythonTasks({ program: wanted, modelsDir: folder, threads: 1, logger: pino({ level: 'silent' }) });
  const described = async (tasks: PythonTasks) => {
    for await (const answer of tasks.run({ task: 'describe' }, new Map(), never)) return answer;
    return undefined;
  };

  it('says what to install when there is no Python', async () => {
    const tasks = opened(path.join(folder, 'python3'));
    await expect(described(tasks)).rejects.toMatchObject({
      kind: 'Unavailable',
      reason: 'engine_unavailable',
      message: expect.stringMatching(/There is no program ".*python3": .*TESSERA_PYTHON.*pip install -r .*requirements\.txt/),
    });
    tasks.close();
  });

  it('is quoted with its last words', async () => {
    const tasks = opened(await program('echo "cannot read libgomp" >&2; exit 3'));
    await expect(described(tasks)).rejects.toMatchObject({
      kind: 'Unavailable',
      message: expect.stringContaining('has ended with code 3 before it was ready: cannot read libgomp'),
    });
    tasks.close();
  });

  it('is ended when it writes something else than frames', async () => {
    const tasks = opened(await program('echo "Loading the models of this machine"; exec sleep 600'));
    await expect(described(tasks)).rejects.toMatchObject({ kind: 'Unavailable', message: expect.stringContaining('no answer') });
    tasks.close();
  });

  it('is not started in a loop', async () => {
    const starts = path.join(folder, 'starts');
    const tasks = opened(await program(`echo start >> ${starts}; exit 3`));
    for (let call = 0; call < 10; call += 1) await expect(described(tasks)).rejects.toMatchObject({ kind: 'Unavailable' });
    expect((await fs.readFile(starts, 'utf8')).trim().split('\n').length).toBeLessThan(10);
    tasks.close();
  });

  it('need not be waited for by a caller that gives up', async () => {
    const tasks = opened(await program('exec sleep 600'));
    const controller = new AbortController();
    const waiting = tasks.run({ task: 'describe' }, new Map(), controller.signal).next();
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'Cancelled' });
    tasks.close();
  });
});
