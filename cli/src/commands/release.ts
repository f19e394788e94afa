import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { contractCompatibility } from '../contract-history.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { repositoryRoot } from '../places.js';

const run = promisify(execFile);
const semanticVersion = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/;

/** One file and what of it names the version. */
type Place = { readonly files: readonly string[]; readonly edit: (text: string, from: string, to: string) => string };

/** The version stands in the root's package.json; these repeat it, because npm, Helm and Docker each read their own file. */
const places: readonly Place[] = [
  {
    files: ['package.json', '{libs,services}/*/package.json', '{cli,bench,test,web/console}/package.json'],
    edit: (text, from, to) => text.replace(`"version": "${from}"`, `"version": "${to}"`),
  },
  { files: ['package-lock.json'], edit: lockEdit },
  {
    files: ['deploy/helm/tessera/Chart.yaml'],
    edit: (text, from, to) =>
      text.replace(`\nversion: ${from}\n`, `\nversion: ${to}\n`).replace(`\nappVersion: ${from}\n`, `\nappVersion: ${to}\n`),
  },
  {
    files: ['deploy/docker/docker-bake.hcl'],
    edit: (text, from, to) => text.replaceAll(`VERSION=${from} `, `VERSION=${to} `).replace(`default = "${from}"`, `default = "${to}"`),
  },
  { files: ['deploy/docker/README.md'], edit: (text, from, to) => text.replaceAll(`tessera:${from}`, `tessera:${to}`) },
];

export type ReleaseOptions = { readonly root?: string; /** Of the release, as 2027-01-31. */ readonly date?: string };

/** Writes the version everywhere and heads the changelog with it; what follows (commit, tag, push) is printed, for a person to do. */
export async function release(
  version: string,
  { root = repositoryRoot, date = new Date().toISOString().slice(0, 10) }: ReleaseOptions = {},
): Promise<number> {
  const { version: from } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string };
  requireLaterVersion(from, version);
  await requireCleanTree(root);
  const contracts = await requireCompatibleContracts(root);
  const changed = await editsOf(root, from, version, date);
  for (const [file, text] of changed) await writeFile(path.join(root, file), text);
  process.stdout.write(
    `${from} -> ${version}\n${contracts}\n${[...changed.keys()].map((file) => `  ${file}\n`).join('')}\nNext:\n  ./tessera test\n  git commit -am 'chore: release ${version}' && git tag v${version}\n  git push --follow-tags\n`,
  );
  return 0;
}

/** All of it, or a refusal before anything is written. */
async function editsOf(root: string, from: string, to: string, date: string): Promise<Map<string, string>> {
  const changed = new Map<string, string>();
  for (const { files, edit } of places) {
    for (const file of globSync([...files], { cwd: root }).sort()) {
      const text = await readFile(path.join(root, file), 'utf8');
      const edited = edit(text, from, to);
      if (edited === text)
        throw refusal(
          `${file} does not name the version ${from}.`,
          'Something else wrote a version there: make it the one of the root package.json first.',
        );
      changed.set(file, edited);
    }
  }
  return changed.set('CHANGELOG.md', headed(await readFile(path.join(root, 'CHANGELOG.md'), 'utf8'), to, date));
}

function lockEdit(text: string, from: string, to: string): string {
  const lock = JSON.parse(text) as { version: string; packages: Record<string, { version?: string }> };
  lock.version = to;
  for (const [folder, entry] of Object.entries(lock.packages))
    if (!folder.includes('node_modules') && entry.version === from) entry.version = to;
  return `${JSON.stringify(lock, null, 2)}\n`;
}

/** What was unreleased becomes the release; a release with nothing to say is a mistake. */
function headed(changelog: string, version: string, date: string): string {
  const [before, after] = changelog.split('## [Unreleased]\n', 2);
  const entries = after?.split(/^## \[/m, 1)[0]?.trim() ?? '';
  if (before === undefined || after === undefined || entries === '')
    throw refusal(
      'CHANGELOG.md has nothing under "## [Unreleased]".',
      'Write what changes for those who run or call Tessera, and try again.',
    );
  return `${before}## [Unreleased]\n\n## [${version}] - ${date}\n${after}`;
}

function requireLaterVersion(from: string, to: string): void {
  if (!semanticVersion.test(to))
    throw refusal(`"${to}" is no version.`, 'A version is three numbers, such as 1.2.0 or 1.2.0-rc.1 (https://semver.org).');
  if (!isLater(from, to)) throw refusal(`${to} does not come after ${from}.`);
}

function isLater(from: string, to: string): boolean {
  const [, ...before] = semanticVersion.exec(from) ?? [];
  const [, ...after] = semanticVersion.exec(to) ?? [];
  for (const index of [0, 1, 2]) {
    const step = Number(after[index]) - Number(before[index]);
    if (step !== 0) return step > 0;
  }
  const [candidateBefore, candidateAfter] = [before[3], after[3]];
  if (candidateBefore === undefined) return false;
  return candidateAfter === undefined || candidateAfter.localeCompare(candidateBefore, 'en', { numeric: true }) > 0;
}

async function requireCleanTree(root: string): Promise<void> {
  const { stdout } = await run('git', ['-C', root, 'status', '--porcelain']);
  if (stdout.trim() !== '')
    throw refusal(
      'There are changes that are not committed.',
      'A release is a commit that changes versions and nothing else: commit or remove them.',
    );
}

async function requireCompatibleContracts(root: string): Promise<string> {
  const result = await contractCompatibility(root);
  if ('skipped' in result) return `contracts: not compared, ${result.skipped}`;
  if (result.code !== 0)
    throw refusal(
      `The contracts break what was released:\n${result.output.trimEnd()}`,
      'Add beside what is there, or give the changed contract a new package (v2).',
    );
  return 'contracts: compatible with the last release';
}

const refusal = (message: string, hint?: string) => new CommandFailure(message, exitCodes.refused, hint);
