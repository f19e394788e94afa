import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

type Package = {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
};

const root = path.resolve(import.meta.dirname, '../..');
const packageOf = async (folder: string) => JSON.parse(await readFile(path.join(root, folder, 'package.json'), 'utf8')) as Package;

/** What a file imports, types included: statically, when it runs, or by resolving it. */
const imports = [
  /^import\b[^'"`;=(]*['"]([^'"\n]+)['"]/gm,
  /^export\s+(?:type\s+)?[{*][^'"`;=(]*from\s*['"]([^'"\n]+)['"]/gm,
  /\bimport\(\s*['"]([^'"\n]+)['"]/g,
  /import\.meta\.resolve\(\s*['"]([^'"\n]+)['"]/g,
];
const isTestCode = (file: string) => /\.(spec|conformance|fixture|factory)\.tsx?$|\/fixtures\//.test(file);
const nameOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

/** Packages that others load by name: Nest's gRPC needs a loader. */
const loadedByOthers: Readonly<Record<string, readonly string[]>> = { 'libs/host': ['@grpc/proto-loader'] };

async function importedBy(folder: string, itself: string): Promise<ReadonlyMap<string, { readonly onlyByTests: boolean }>> {
  const found = new Map<string, { onlyByTests: boolean }>();
  for (const file of globSync(['src/**/*.{ts,tsx}', 'vite.config.ts'], { cwd: path.join(root, folder) })) {
    const text = await readFile(path.join(root, folder, file), 'utf8');
    const names = imports
      .flatMap((pattern) => [...text.matchAll(pattern)].map(([, specifier = '']) => specifier))
      .filter((specifier) => !/^[./]|^node:/.test(specifier) && !builtinModules.includes(specifier));
    for (const name of names.map(nameOf))
      if (name !== itself) found.set(name, { onlyByTests: isTestCode(file) && (found.get(name)?.onlyByTests ?? true) });
  }
  return found;
}

describe.each(
  globSync(['{libs,services}/*/package.json', '{cli,bench,test,web/console}/package.json'], { cwd: root })
    .map((file) => path.dirname(file))
    .sort(),
)('the package %s', (folder) => {
  it('declares what it imports, and nothing else', async () => {
    const [own, shared] = [await packageOf(folder), await packageOf('.')];
    const imported = await importedBy(folder, own.name);
    const namesWhere = (isWanted: (name: string, onlyByTests: boolean) => boolean) =>
      [...imported].flatMap(([name, { onlyByTests }]) => (isWanted(name, onlyByTests) ? [name] : [])).sort();
    const isDevelopment = (name: string, onlyByTests: boolean) => onlyByTests || shared.devDependencies?.[name] !== undefined;
    const wanted = {
      dependencies: [...namesWhere((name, onlyByTests) => !isDevelopment(name, onlyByTests)), ...(loadedByOthers[folder] ?? [])].sort(),
      devDependencies: namesWhere(isDevelopment),
    };
    expect({ dependencies: Object.keys(own.dependencies ?? {}), devDependencies: Object.keys(own.devDependencies ?? {}) }).toEqual(wanted);
  });

  it('leaves versions to the root, which has one of each', async () => {
    const [own, shared] = [await packageOf(folder), await packageOf('.')];
    const declared = Object.entries({ ...own.dependencies, ...own.devDependencies });
    expect(declared.filter(([, version]) => version !== '*')).toEqual([]);
    expect(
      declared.filter(
        ([name]) =>
          !name.startsWith('@tessera/') && shared.dependencies?.[name] === undefined && shared.devDependencies?.[name] === undefined,
      ),
    ).toEqual([]);
    expect(own.version).toBe(shared.version);
  });
});

describe('the root package', () => {
  it('has no package at run time that nobody declares', async () => {
    const packages = await Promise.all(
      globSync(['{libs,services}/*/package.json', 'cli/package.json', 'bench/package.json'], { cwd: root }).map((file) =>
        packageOf(path.dirname(file)),
      ),
    );
    const declared = new Set(
      packages.flatMap(({ dependencies = {}, devDependencies = {} }) => [...Object.keys(dependencies), ...Object.keys(devDependencies)]),
    );
    expect(Object.keys((await packageOf('.')).dependencies ?? {}).filter((name) => !declared.has(name))).toEqual([]);
  });
});
