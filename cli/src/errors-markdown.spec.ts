import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { isReason } from '@tessera/platform/errors.js';
import { reasonChapters } from '@tessera/platform/errors/reasons.js';
import { errorsMarkdown } from './errors-markdown.js';
import { repositoryRoot } from './places.js';

type Source = { readonly file: string; readonly text: string };

/** What may give a reason: the code of libs and services, and the Python programs that answer them. */
async function sources(): Promise<Source[]> {
  const found: string[] = [];
  for (const folder of ['libs', 'services', 'deploy']) {
    for (const file of await readdir(path.join(repositoryRoot, folder), { recursive: true })) {
      const isCode = /\/src\/.*\.ts$/.test(file)
        ? !/\.(spec|fixture|factory|conformance)\.ts$|\/fixtures\/|\/gen\//.test(file)
        : file.endsWith('.py');
      if (isCode && !file.includes('node_modules') && !file.startsWith('platform/src/errors/')) found.push(path.join(folder, file));
    }
  }
  return Promise.all(found.map(async (file) => ({ file, text: await readFile(path.join(repositoryRoot, file), 'utf8') })));
}

describe('the registry of reasons', () => {
  let code: Source[];
  beforeAll(async () => {
    code = await sources();
  });

  it('is what docs/errors.md says; `./tessera errors` writes it', async () => {
    expect(await readFile(path.join(repositoryRoot, 'docs/errors.md'), 'utf8')).toBe(errorsMarkdown());
  });

  it('has no reason that nobody gives', () => {
    const unused = Object.values(reasonChapters)
      .flatMap((entries) => Object.keys(entries))
      .filter((reason) => !code.some(({ text }) => new RegExp(`['"/]${reason}['":]|\\b${reason}: ['[]`).test(text)));
    expect(unused).toEqual([]);
  });

  it('has every reason that a job ends with or that an engine answers', () => {
    const given = code.flatMap(({ file, text }) =>
      [...text.matchAll(/reason: '([a-z_]+)', message:|[Rr]efus(?:ed|al)\("\w+", "([a-z_]+)"/g)].map(([, ended, answered]) => ({
        file,
        reason: ended ?? answered ?? '',
      })),
    );
    expect(given.length).toBeGreaterThan(10);
    expect(given.filter(({ reason }) => !isReason(reason))).toEqual([]);
  });
});
