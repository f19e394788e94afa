#!/usr/bin/env node
// Builds what has changed since the last build: code from the contracts, each package's `src` to its `dist` by SWC, a file at a time, and the console by Vite.
// What a file was built from (its bytes, the settings, the compiler) stands as a hash in `dist/.build.json`, so branches may be changed and clocks may go wrong.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { transform, version as swcVersion } from '@swc/core';

const root = import.meta.dirname;
const run = promisify(execFile);
const isSource = /\.tsx?$/;

const at = (...parts) => path.join(root, ...parts);
const hashOf = (...texts) => texts.reduce((hash, text) => hash.update(text).update('\0'), createHash('sha256')).digest('base64url');
const filesBelow = (...patterns) =>
  globSync(patterns, { cwd: root, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [path.relative(root, path.join(entry.parentPath, entry.name))] : []))
    .sort();
const readRecord = async (folder) => JSON.parse(await readFile(at(folder, 'dist/.build.json'), 'utf8').catch(() => '{}'));
const writeRecord = (folder, record) => writeFile(at(folder, 'dist/.build.json'), JSON.stringify(record));

async function hashOfFiles(files, ...more) {
  return hashOf(...more, ...files, ...(await Promise.all(files.map((file) => readFile(at(file))))));
}

/** One hash for something that is built as a whole; `build` is called when it is another one than last time, or when nothing lies there. */
async function whenChanged(folder, output, hash, build) {
  const recordFile = at(folder, output, '.build');
  if ((await readFile(recordFile, 'utf8').catch(() => '')) === hash) return false;
  await build();
  await writeFile(recordFile, hash);
  return true;
}

async function tool(name, args, folder = '.') {
  await run(process.execPath, [at('node_modules/.bin', name), ...args], {
    cwd: at(folder),
    env: { ...process.env, PATH: `${at('node_modules/.bin')}${path.delimiter}${process.env.PATH}` },
  }).catch((error) => {
    throw new Error(`${name} failed\n${error.stdout ?? ''}${error.stderr ?? ''}`);
  });
}

const versionOf = (name) => createRequire(import.meta.url)(`${name}/package.json`).version;

async function generateContracts() {
  const hash = await hashOfFiles(filesBelow('proto/**/*', 'buf.yaml', 'buf.gen.yaml'), versionOf('@bufbuild/protoc-gen-es'));
  await whenChanged('libs/contracts', 'src/gen', hash, () => tool('buf', ['generate', '--clean']));
}

async function buildConsole() {
  const hash = await hashOfFiles(filesBelow('web/console/{src,public}/**/*', 'web/console/*.{html,json,ts}'), versionOf('vite'));
  return (await whenChanged('web/console', 'dist', hash, () => tool('vite', ['build', '--logLevel', 'warn'], 'web/console'))) ? 1 : 0;
}

/** Answers how many files were built. What has no source any more goes, too, or its specs would still run. */
async function buildPackage(folder, settings) {
  const before = existsSync(at(folder, 'dist/.build.json')) ? await readRecord(folder) : undefined;
  if (before === undefined) await rm(at(folder, 'dist'), { recursive: true, force: true });
  await mkdir(at(folder, 'dist'), { recursive: true });
  const sources = filesBelow(`${folder}/src/**/*`)
    .map((file) => path.relative(`${folder}/src`, file))
    .filter((file) => file !== path.normalize('gen/.build'));
  const outputs = (file) =>
    isSource.test(file) ? ['.js', '.js.map'].map((end) => at(folder, 'dist', file.replace(isSource, end))) : [at(folder, 'dist', file)];
  const [record, failures] = [{}, []];
  let built = 0;
  for (const file of Object.keys(before ?? {}))
    if (!sources.includes(file)) for (const output of outputs(file)) await rm(output, { force: true });
  await Promise.all(
    sources.map(async (file) => {
      const code = await readFile(at(folder, 'src', file));
      const hash = hashOf(settings, code);
      if (before?.[file] !== hash || !outputs(file).every((output) => existsSync(output))) {
        built += 1;
        const failure = await buildFile(folder, file, code).catch((error) => error);
        if (failure !== undefined) return failures.push(`${folder}/src/${file}\n${failure.message.split('\n\nCaused by:', 1)[0]}`);
      }
      record[file] = hash;
    }),
  );
  await writeRecord(folder, record);
  if (failures.length > 0) throw new Error(failures.join('\n'));
  return built;
}

async function buildFile(folder, file, code) {
  const output = at(folder, 'dist', file.replace(isSource, '.js'));
  await mkdir(path.dirname(output), { recursive: true });
  if (!isSource.test(file)) return cp(at(folder, 'src', file), output);
  const source = at(folder, 'src', file);
  const compiled = await transform(code.toString(), {
    filename: source,
    sourceFileName: path.relative(path.dirname(output), source),
    configFile: at('.swcrc'),
    swcrc: false,
  });
  await writeFile(`${output}.map`, compiled.map);
  await writeFile(output, `${compiled.code}\n//# sourceMappingURL=${path.basename(output)}.map`);
}

async function build() {
  await generateContracts();
  const settings = hashOf(await readFile(at('.swcrc')), swcVersion);
  const folders = filesBelow('{libs,services}/*/package.json', '{cli,bench,test}/package.json')
    .map((file) => path.dirname(file))
    .filter((folder) => existsSync(at(folder, 'src')));
  const results = await Promise.allSettled([buildConsole(), ...folders.map((folder) => buildPackage(folder, settings))]);
  const failures = results.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.message);
  if (failures.length > 0) throw new Error(failures.join('\n'));
  return results.reduce((sum, { value }) => sum + value, 0);
}

try {
  process.stdout.write(`built ${await build()} files in ${(performance.now() / 1000).toFixed(1)} s\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
