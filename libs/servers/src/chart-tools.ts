import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { installedFolder, installedOnce, programOnPath, runProgram } from './installations.js';

const helmVersion = 'v4.3.1';
/** Of the Python package that carries the schemas of Kubernetes, for machines without a network as well. */
const schemasVersion = '1.37.0';

const helmInstallation = `helm-${helmVersion}`;
const schemasInstallation = `kubernetes-validate-${schemasVersion}`;
const helmIn = (folder: string): string => path.join(folder, 'helm');
const validatorIn = (folder: string): string => path.join(folder, 'bin', 'kubernetes-validate');

/** What the checks of the Helm chart run. */
export type ChartTools = { readonly helm: string; readonly validator: string };

/** Those that are on this machine; nothing is fetched. */
export function presentChartTools(): ChartTools | undefined {
  const helm = programOnPath('helm') ?? helmIn(installedFolder(helmInstallation));
  const validator = programOnPath('kubernetes-validate') ?? validatorIn(installedFolder(schemasInstallation));
  return existsSync(helm) && existsSync(validator) ? { helm, validator } : undefined;
}

/** Fetches what is missing: Helm is compiled by Go in two minutes, the schemas come from PyPI. Throws with the reason when it cannot. */
export async function installChartTools(): Promise<ChartTools | { readonly skipped: string }> {
  const present = presentChartTools();
  if (present) return present;
  if (!programOnPath('helm') && !programOnPath('go')) return { skipped: 'this machine has neither helm nor Go, which builds it' };
  if (!programOnPath('kubernetes-validate') && !programOnPath('python3'))
    return { skipped: 'this machine lacks Python 3, which validates against the schemas of Kubernetes' };
  try {
    const helm = programOnPath('helm') ?? helmIn(await installedOnce(helmInstallation, buildHelm));
    const validator = programOnPath('kubernetes-validate') ?? validatorIn(await installedOnce(schemasInstallation, installSchemas));
    return { helm, validator };
  } catch (error) {
    return { skipped: `its tools could not be fetched: ${error instanceof Error ? error.message : String(error)}` };
  }
}

async function buildHelm(folder: string): Promise<void> {
  await runProgram('go', ['install', '-trimpath', '-ldflags=-s -w', `helm.sh/helm/v4/cmd/helm@${helmVersion}`], { env: { GOBIN: folder } });
}

/** A folder of packages rather than a virtual environment, which could not be moved to where it is kept. */
async function installSchemas(folder: string): Promise<void> {
  await runProgram('python3', [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--target',
    path.join(folder, 'lib'),
    `kubernetes-validate==${schemasVersion}`,
  ]);
  await mkdir(path.join(folder, 'bin'), { recursive: true });
  const script = '#!/bin/sh\nPYTHONPATH="${0%/*}/../lib" exec python3 -m kubernetes_validate "$@"\n';
  await writeFile(validatorIn(folder), script, { mode: 0o755 });
}
