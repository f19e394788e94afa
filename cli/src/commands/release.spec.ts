import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, realpath, writeFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { repositoryRoot } from '../places.js';
import { release } from './release.js';

const copied = [
  'package.json',
  'package-lock.json',
  '{libs,services}/*/package.json',
  '{cli,bench,test,web/console}/package.json',
  'deploy/helm/tessera/Chart.yaml',
  'deploy/docker/docker-bake.hcl',
  'deploy/docker/README.md',
];
const proto = (field: string) => `syntax = "proto3";\npackage shop.v1;\n\nmessage Order {\n  string ${field} = 1;\n}\n`;

describe('tessera release', () => {
  let root: string;
  let from: string;
  let printed: string;

  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, '-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args]).toString();
  const commit = () => {
    git('add', '-A');
    git('commit', '-qm', 'change');
  };
  const put = async (file: string, text: string) => {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  };
  const text = (file: string) => readFile(path.join(root, file), 'utf8');

  /** The files of this repository that name a version, as a repository of their own. */
  beforeEach(async () => {
    root = await realpath(await mkdtemp(path.join(os.tmpdir(), 'tessera-release-')));
    for (const file of globSync(copied, { cwd: repositoryRoot })) await cp(path.join(repositoryRoot, file), path.join(root, file));
    from = (JSON.parse(await text('package.json')) as { version: string }).version;
    await put('CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Clips.\n');
    await put('buf.yaml', 'version: v2\nmodules:\n  - path: proto\n');
    await put('proto/shop.proto', proto('id'));
    execFileSync('git', ['init', '-q', root]);
    commit();
    printed = '';
    jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
      printed += String(chunk);
      return true;
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('gives packages, lock file, chart, images and changelog the version, and leaves committing to a person', async () => {
    expect(await release('99.1.0', { root, date: '2027-01-31' })).toBe(0);
    const changed = git('diff', '--name-only').trim().split('\n');
    expect(changed).toEqual([...globSync(copied, { cwd: repositoryRoot }), 'CHANGELOG.md'].sort());
    for (const file of changed) expect([file, (await text(file)).includes('99.1.0')]).toEqual([file, true]);
    expect(await text('CHANGELOG.md')).toBe('# Changelog\n\n## [Unreleased]\n\n## [99.1.0] - 2027-01-31\n\n### Added\n\n- Clips.\n');
    expect(await text('deploy/helm/tessera/Chart.yaml')).not.toContain(`ersion: ${from}\n`);
    for (const file of changed) expect(printed).toContain(`  ${file}\n`);
    expect(git('tag')).toBe('');
  });

  it('changes nothing of the lock file but the versions of what is ours', async () => {
    await release('99.1.0', { root });
    const lines = git('diff', '--unified=0', 'package-lock.json')
      .split('\n')
      .filter((line) => /^[-+] /.test(line));
    expect(new Set(lines.map((line) => line.replace(/^(.)\s+/, '$1')))).toEqual(
      new Set([`-"version": "${from}",`, '+"version": "99.1.0",']),
    );
  });

  it.each(['1.2', 'v1.2.3', 'next'])('refuses %s, which is no version', async (version) => {
    await expect(release(version, { root })).rejects.toThrow(`"${version}" is no version.`);
  });

  it('refuses a version that does not come after the one that is', async () => {
    await expect(release(from, { root })).rejects.toThrow(`${from} does not come after ${from}.`);
    await release('99.1.0-rc.9', { root });
    commit();
    await put('CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n- More.\n');
    commit();
    await expect(release('99.1.0-rc.8', { root })).rejects.toThrow('does not come after');
    expect(await release('99.1.0-rc.10', { root })).toBe(0);
  });

  it('refuses a tree with changes, and a changelog that says nothing', async () => {
    await put('note.txt', 'mine');
    await expect(release('99.1.0', { root })).rejects.toThrow('There are changes that are not committed.');
    await put('CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n## [0.0.1] - 2026-01-01\n\n- First.\n');
    commit();
    await expect(release('99.1.0', { root })).rejects.toThrow('has nothing under');
    expect(git('status', '--porcelain')).toBe('');
  });

  it('refuses contracts that break the last release, however many commits ago that was', async () => {
    git('tag', `v${from}`);
    await put('proto/shop.proto', proto('number'));
    commit();
    await put('note.txt', 'later');
    commit();
    await expect(release('99.1.0', { root })).rejects.toThrow(/The contracts break what was released:[^]*Order/);
    expect(git('status', '--porcelain')).toBe('');
  });
});
