import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { contractCompatibility } from '../contract-history.js';
import { repositoryRoot } from '../places.js';
import { formatSeconds } from '../texts.js';
import { runCommand, runTool, toolFile, type StepResult } from './steps.js';

type Step = { readonly name: string; readonly run: () => Promise<StepResult | { readonly skipped: string }> };
type Totals = { readonly passed: number; readonly failed: number };

export type TestOptions = {
  /** The specs against real servers as well (`*.cluster.spec.ts`), which are fetched when this machine lacks them; where it cannot, they are left out, and the reason is said. */
  readonly cluster?: boolean;
  /** Only what generates through torch, which is fetched (2 GB): the specs of the engines that run the Python package, and that package's own tests. */
  readonly models?: boolean;
};

/** The specs that generate through Triton and through a Python of this machine. */
const modelSpecs = 'libs/inference/src/remote';

/** Everything that must hold before a change is good, cheapest first; stops at the first step that fails. With paths, only the tests below them. */
export async function test(paths: readonly string[], options: TestOptions = {}): Promise<number> {
  if (options.models) return testModels(paths);
  const lacking = options.cluster ? await prepareServers() : 'they run with --cluster';
  const cluster = lacking === undefined;
  const lacksTorch = cluster ? await torchLack(process.env['TESSERA_TEST_DIFFUSERS'] === '1') : undefined;
  const failedStep = paths.length > 0 ? undefined : await firstFailure(checks);
  if (failedStep !== undefined) return conclude({ passed: 0, failed: 1 }, `${failedStep} failed; the tests were not run.`);
  const withTorch = cluster && lacksTorch === undefined;
  const env = { ...(cluster ? { TESSERA_TEST_CLUSTER: '1' } : {}), ...(await chartTools(paths.length > 0)) };
  const startMs = performance.now();
  process.stderr.write('• tests\n');
  const totals = await runTests(paths, withTorch ? { ...env, ...diffusersEnv } : env);
  process.stdout.write(`${totals.failed === 0 ? '✓' : '✗'} tests (${formatSeconds(performance.now() - startMs)} s)\n`);
  const python = withTorch && paths.length === 0 ? await testPython() : noTests;
  if (!cluster) process.stdout.write(`- tests against real servers: skipped, ${lacking}\n`);
  else if (!withTorch) process.stdout.write(`- diffusers pipelines: skipped, ${lacksTorch}\n`);
  return conclude(sum(totals, python), totals.passed + totals.failed === 0 ? 'No test matches.' : undefined);
}

const diffusersEnv = { TESSERA_TEST_DIFFUSERS: '1' };
const noTests: Totals = { passed: 0, failed: 0 };
const sum = (one: Totals, other: Totals): Totals => ({ passed: one.passed + other.passed, failed: one.failed + other.failed });

async function testModels(paths: readonly string[]): Promise<number> {
  const lacking = await torchLack(true);
  if (lacking !== undefined) return conclude(noTests, `The models were not tested: ${lacking}`);
  const python = paths.length === 0 ? await testPython() : noTests;
  const specs = await runTests(paths.length === 0 ? [modelSpecs] : paths, { TESSERA_TEST_CLUSTER: '1', ...diffusersEnv });
  return conclude(sum(python, specs), undefined);
}

/** The tests of the Python package, in the Python that the specs use; each counts. */
async function testPython(): Promise<Totals> {
  const { pythonPackages } = await import('@tessera/servers/python-packages.js');
  const python = await pythonPackages({ withTorch: true });
  const folder = path.join(repositoryRoot, 'deploy/python');
  const startMs = performance.now();
  const { code, output } = await runCommand(python, ['-m', 'pytest', '-q', path.join(folder, 'tests')], { env: { PYTHONPATH: folder } });
  process.stdout.write(`${code === 0 ? '✓' : '✗'} Python tests (${formatSeconds(performance.now() - startMs)} s)\n`);
  if (code !== 0) process.stdout.write(`${output.trimEnd()}\n`);
  const counted = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(output)?.[1] ?? 0);
  const failed = counted('failed') + counted('error');
  return { passed: counted('passed'), failed: code === 0 ? failed : Math.max(1, failed) };
}

/** Fetches what the machine lacks; answers with the reason when it cannot. */
async function prepareServers(): Promise<string | undefined> {
  const { installServers } = await import('@tessera/servers/install-servers.js');
  return installServers().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** Why nothing can be generated through torch, which is large and comes only when it is asked for; undefined: it is there. */
async function torchLack(isWanted: boolean): Promise<string | undefined> {
  const { hasDiffusers, installDiffusers } = await import('@tessera/servers/diffusers-packages.js');
  if (!isWanted) return hasDiffusers() ? undefined : 'torch is not installed; --models fetches it (2 GB)';
  return installDiffusers().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** Tests of some paths run with what is there; all tests fetch what is missing, and say so when they cannot. */
async function chartTools(onlyPresent: boolean): Promise<Record<string, string>> {
  const { installChartTools, presentChartTools } = await import('@tessera/servers/chart-tools.js');
  const tools = onlyPresent ? presentChartTools() : await installChartTools();
  if (tools === undefined) return {};
  if (!('skipped' in tools)) return { TESSERA_TEST_HELM: tools.helm, TESSERA_TEST_KUBERNETES_VALIDATE: tools.validator };
  process.stdout.write(`- Helm chart: skipped, ${tools.skipped}\n`);
  return {};
}

function conclude({ passed, failed }: Totals, remark: string | undefined): number {
  if (remark) process.stdout.write(`${remark}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

const checks: readonly Step[] = [
  { name: 'types', run: () => runTool(toolFile('tsc'), ['-p', '.']) },
  {
    name: 'format',
    run: () => runTool(toolFile('oxfmt'), ['--check', '{libs,services,cli,bench,test,web}/**/*.{ts,tsx}', '*.{mjs,cjs}', '.*.cjs']),
  },
  { name: 'lint', run: () => runTool(toolFile('oxlint'), ['--deny-warnings']) },
  {
    name: 'import rules',
    run: () =>
      runTool(toolFile('depcruise'), [
        '--config',
        '.dependency-cruiser.cjs',
        '--output-type',
        'err',
        'libs',
        'services',
        'cli',
        'bench',
        'test',
        'web',
      ]),
  },
  { name: 'contract style', run: () => runTool(toolFile('buf'), ['lint']) },
  { name: 'contract compatibility', run: () => contractCompatibility(repositoryRoot) },
];

async function firstFailure(steps: readonly Step[]): Promise<string | undefined> {
  for (const step of steps) {
    const startMs = performance.now();
    const result = await step.run();
    const seconds = `${formatSeconds(performance.now() - startMs)} s`;
    if ('skipped' in result) process.stdout.write(`- ${step.name}: skipped, ${result.skipped}\n`);
    else if (result.code === 0) process.stdout.write(`✓ ${step.name} (${seconds})\n`);
    else {
      process.stdout.write(`✗ ${step.name} (${seconds})\n${result.output.trimEnd()}\n`);
      return step.name;
    }
  }
  return undefined;
}

async function runTests(paths: readonly string[], env: Readonly<Record<string, string>>): Promise<Totals> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-test-'));
  try {
    const report = path.join(folder, 'report.json');
    await runTool(toolFile('jest'), ['--json', `--outputFile=${report}`, '--passWithNoTests', ...paths.map(compiledPath)], {
      nodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
      shows: 'stderr',
      env,
    });
    return totalsOf(await readFile(report, 'utf8').catch(() => ''));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A suite that could not even start counts as one failure: its tests are not in the totals. */
function totalsOf(report: string): Totals {
  if (report === '') return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(report) as Record<
    'numPassedTests' | 'numFailedTests' | 'numRuntimeErrorTestSuites',
    number
  >;
  return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites };
}

/** Tests run compiled: `libs/x/src/y.spec.ts` stands for `libs/x/dist/y.spec.js`. A path that exists, seen from here or from the root, is meant exactly; anything else is a pattern. */
function compiledPath(given: string): string {
  const found = [path.resolve(given), path.join(repositoryRoot, given)].find((candidate) => existsSync(candidate));
  if (found === undefined) return given;
  const compiled = found.replace(/(^|\/)src(\/|$)/, '$1dist$2').replace(/\.tsx?$/, '.js');
  return `^${compiled.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}${statSync(found).isDirectory() ? '/' : '$'}`.replace(/\/\/$/, '/');
}
