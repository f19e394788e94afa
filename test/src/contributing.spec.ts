import { existsSync, globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../..');
const pages = globSync(['docs/contributing/*.md', 'CONTRIBUTING.md', 'docs/glossary.md'], { cwd: root }).sort();

/** Paths from the root in backticks; `*` stands for anything, and so does a `<name>` to fill in. */
const pathsIn = (text: string) => [...text.matchAll(/`((?:libs|services|cli|bench|test|web|models|proto|deploy|docs)\/[^`\s]*|[\w.-]+\.(?:md|json|cjs|mjs))`/g)].map(([, found = '']) => found.replaceAll(/<[^>]+>/g, '*'));
const linksIn = (text: string) => [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => link);
const isThere = (pattern: string) => globSync(pattern.replace(/\/$/, ''), { cwd: root, exclude: (name) => name === 'node_modules' || name === 'dist' }).length > 0;
/** A manifest is in the operator's folder. */
const known = new Set(['manifest.json']);

describe.each(pages)('%s', (page) => {
  it('names only what is there', async () => {
    const paths = pathsIn(await readFile(path.join(root, page), 'utf8'));
    expect(paths.filter((one) => !known.has(one) && !isThere(one))).toEqual([]);
  });

  it('links only to what is there', async () => {
    const links = linksIn(await readFile(path.join(root, page), 'utf8'));
    expect(links.filter((link) => !existsSync(path.join(root, path.dirname(page), link)))).toEqual([]);
  });
});

describe('the walks', () => {
  it('are all listed where a newcomer begins', async () => {
    const listed = linksIn(await readFile(path.join(root, 'CONTRIBUTING.md'), 'utf8')).filter((link) => link.startsWith('docs/contributing/'));
    expect(listed.sort()).toEqual(pages.filter((page) => page.startsWith('docs/contributing/')));
  });
});
