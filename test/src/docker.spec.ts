import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { globSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { repository } from './chart.js';

type Instruction = { readonly name: string; readonly words: readonly string[] };
type Stage = { readonly base: string; readonly name: string; readonly instructions: readonly Instruction[] };

/** Enough of the format for our own files: comments, continued lines, stages. */
async function stagesOf(file: string): Promise<Stage[]> {
  const text = await readFile(path.join(repository, 'deploy/docker', file), 'utf8');
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n');
  const stages: { base: string; name: string; instructions: Instruction[] }[] = [];
  for (const [name = '', ...words] of lines.map((line) => line.trim().split(/\s+/))) {
    if (name === 'FROM')
      stages.push({
        base: words.find((word) => !word.startsWith('--')) ?? '',
        name: words.at(-2) === 'AS' ? words.at(-1)! : '',
        instructions: [],
      });
    else if (name !== '') stages.at(-1)?.instructions.push({ name, words });
  }
  return stages;
}

/** Whether a path is sent to the engine: the last pattern of .dockerignore that matches it decides. */
async function isSent(file: string): Promise<boolean> {
  const patterns = (await readFile(path.join(repository, '.dockerignore'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  let isIgnored = false;
  for (const pattern of patterns) {
    const plain = pattern.replace(/^!/, '');
    const above = file.split('/').map((_, at, parts) => parts.slice(0, at + 1).join('/'));
    // Docker's stars match names with a leading dot as well.
    if (plain === '**' || above.some((parent) => path.matchesGlob(parent, plain))) isIgnored = !pattern.startsWith('!');
  }
  return !isIgnored;
}

const sourcesOf = ({ instructions }: Stage) =>
  instructions
    .filter(({ name }) => name === 'COPY')
    .map(({ words }) => ({
      from: words.find((word) => word.startsWith('--from='))?.slice('--from='.length),
      paths: words.filter((word) => !word.startsWith('--')).slice(0, -1),
    }));

describe.each(['Dockerfile', 'Dockerfile.triton'])('%s', (file) => {
  it('copies only what is in the repository, and is sent to the engine', async () => {
    for (const stage of await stagesOf(file)) {
      for (const { from, paths } of sourcesOf(stage)) {
        if (from !== undefined) continue;
        for (const given of paths.filter((each) => each !== '.')) {
          const found = globSync(given, { cwd: repository });
          expect({ given, found: found.length > 0 }).toEqual({ given, found: true });
          for (const each of found) expect({ each, isSent: await isSent(each) }).toEqual({ each, isSent: true });
        }
      }
    }
  });

  it('takes from stages that it has', async () => {
    const stages = await stagesOf(file);
    const known = stages.map(({ name }) => name);
    for (const stage of stages) for (const { from } of sourcesOf(stage)) if (from !== undefined) expect(known).toContain(from);
  });

  it('ends as nobody in particular, from a base that can be chosen', async () => {
    const last = (await stagesOf(file)).at(-1)!;
    expect(last.base).toMatch(/^\$\{[A-Z_]+\}$/);
    expect(last.instructions.findLast(({ name }) => name === 'USER')?.words).toEqual(['65532:65532']);
  });
});

describe('what is sent to the engine', () => {
  it.each([
    'libs/host/src/host.ts',
    'services/billing/package.json',
    'proto/buf.lock',
    'models/mosaic/manifest.json',
    'web/console/index.html',
    'deploy/python/requirements.txt',
  ])('is %s', async (file) => {
    expect(await isSent(file)).toBe(true);
  });

  it.each([
    '.git/config',
    'node_modules/fastify/index.js',
    'libs/host/dist/host.js',
    'libs/contracts/src/gen/x.ts',
    'models/mosaic/training/train.py',
    'bench/src/jobs.ts',
    '.env',
    'owner-key',
  ])('is not %s', async (file) => {
    expect(await isSent(file)).toBe(false);
  });
});

describe('the image of the services', () => {
  it('begins with a program that there is', async () => {
    const { instructions } = (await stagesOf('Dockerfile')).at(-1)!;
    const [program] = JSON.parse(instructions.find(({ name }) => name === 'CMD')!.words.join(' ')) as [string];
    expect(globSync(program.replace('/dist/', '/src/').replace(/\.js$/, '.ts'), { cwd: repository })).toHaveLength(1);
  });

  it('has the folders that the chart tells its processes of', async () => {
    const targets = (await stagesOf('Dockerfile'))
      .at(-1)!
      .instructions.filter(({ name }) => name === 'COPY')
      .map(({ words }) => `/app/${words.at(-1)}`);
    const templates = (
      await Promise.all(
        globSync('deploy/helm/tessera/templates/*', { cwd: repository })
          .filter((each) => /\.(yaml|tpl)$/.test(each))
          .map((each) => readFile(path.join(repository, each), 'utf8')),
      )
    ).join('\n');
    for (const [folder] of templates.matchAll(/\/app\/[a-z/]+/g)) expect(targets).toContain(folder);
  });
});
