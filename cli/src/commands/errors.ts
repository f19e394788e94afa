import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errorsMarkdown } from '../errors-markdown.js';
import { repositoryRoot } from '../places.js';

export async function writeErrorsPage(): Promise<void> {
  await writeFile(path.join(repositoryRoot, 'docs/errors.md'), errorsMarkdown());
}
