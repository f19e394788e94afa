import { existsSync, globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../..');
const pages = globSync(['docs/contributing/*.md', 'CONTRIBUTING.md', 'docs/glossary.md', 'docs/architecture.md'], { cwd: root }).sort();

const isBuilt = (name: string) => name === 'node_modules' || name === 'dist';

/** Paths from the root in backticks; `*` stands for anything, and so does a `<name>` to fill in. */
const pathsIn = (text: string) =>
  [...text.matchAll(/`((?:libs|services|cli|bench|test|web|models|proto|deploy|docs)\/[^`\s]*|[\w.-]+\.(?:md|json|cjs|mjs))`/g)].map(
    ([, found = '']) => found.replaceAll(/<[^>]+>/g, '*'),
  );
/** Of a list of files the first says the folder of the others. */
const bareNamesIn = (text: string) => [...text.matchAll(/`([\w.-]+\.(?:ts|proto|py))`/g)].map(([, name = '']) => name);
const standsBeside = (paths: readonly string[], name: string) =>
  paths.some((one) => existsSync(path.join(root, one, name)) || existsSync(path.join(root, path.dirname(one), name)));
const linksIn = (text: string) => [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => link);
const isThere = (pattern: string) => globSync(pattern.replace(/\/$/, ''), { cwd: root, exclude: isBuilt }).length > 0;
/** A manifest is in the operator's folder. */
const known = new Set(['manifest.json']);

describe.each(pages)('%s', (page) => {
  it('names only what is there', async () => {
    const text = await readFile(path.join(root, page), 'utf8');
    const paths = pathsIn(text);
    expect(paths.filter((one) => !known.has(one) && !isThere(one))).toEqual([]);
    expect(bareNamesIn(text).filter((name) => !standsBeside(paths, name))).toEqual([]);
  });
});

describe.each(globSync(['*.md', 'docs/**/*.md'], { cwd: root }).sort())('%s', (page) => {
  it('links only to what is there', async () => {
    const links = linksIn(await readFile(path.join(root, page), 'utf8'));
    expect(links.filter((link) => !existsSync(path.join(root, path.dirname(page), link)))).toEqual([]);
  });
});

describe('the walks', () => {
  it('are all listed where a newcomer begins', async () => {
    const listed = linksIn(await readFile(path.join(root, 'CONTRIBUTING.md'), 'utf8')).filter((link) =>
      link.startsWith('docs/contributing/'),
    );
    expect(listed.sort()).toEqual(pages.filter((page) => page.startsWith('docs/contributing/')));
  });
});

/** A folder with a `package.json` is a package; one without is not ours: a build leaves such folders behind when packages go. */
const packages = globSync(['services/*/package.json', 'libs/*/package.json'], { cwd: root })
  .map((file) => path.dirname(file))
  .sort();
const everyFile = globSync(['*', '{bench,cli,deploy,docs,libs,models,proto,services,test,web}/**/*'], { cwd: root, exclude: isBuilt });
const rooms = [...packages, 'cli', 'bench', 'test', 'web/console', 'deploy/docker', 'deploy/triton', 'deploy/python'];
/** A family's description lies in its folder, wherever that is. */
const ofFamilies = new Set(['manifest.json', 'language.json']);

/** Files and folders in backticks: a name with an ending of ours, or one that ends in a slash. Keys of objects (`accounts/<account>/…`) and commands are none. */
const namesIn = (text: string) =>
  [...text.matchAll(/`([\w.*-][\w.*/-]*(?:\.(?:ts|tsx|mjs|cjs|json|md|proto|py|sh|yaml|css|pbtxt|hcl)|\/))`/g)]
    .map(([, name = '']) => name)
    .filter((name) => !ofFamilies.has(name));

/** From the root, or anywhere below the folder of the page: `ledger.ts` is found in its room. */
function standsIn(folder: string, name: string): boolean {
  const wanted = name.replace(/\/$/, '');
  const below = everyFile.filter((file) => file.startsWith(`${folder}/`)).map((file) => file.slice(folder.length + 1));
  return (
    everyFile.some((file) => path.matchesGlob(file, wanted)) ||
    below.some((file) => path.matchesGlob(file, wanted) || path.matchesGlob(file, `**/${wanted}`))
  );
}

describe.each(rooms)('the README of %s', (room) => {
  it('exists, says how its tests are run, and names only files that exist', async () => {
    const text = await readFile(path.join(root, room, 'README.md'), 'utf8');
    expect(namesIn(text).filter((name) => !standsIn(room, name))).toEqual([]);
    expect(linksIn(text).filter((link) => !existsSync(path.join(root, room, link)))).toEqual([]);
    expect(text).toMatch(/\.\/tessera (?:test|bench)/);
  });
});
