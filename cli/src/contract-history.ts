import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { runTool, toolFile, type StepResult } from './commands/steps.js';

const run = promisify(execFile);

type Skipped = { readonly skipped: string };

/**
 * The commit that the contracts must still be compatible with: the last release, once there is one (a tag `v1.2.3`); before, the commit before.
 * What is looked back from is the last commit when the contracts have been edited since, else the one before it, because comparing a clean checkout with its own commit would prove nothing.
 */
export async function contractHistory(root: string): Promise<{ readonly commit: string } | Skipped> {
  const git = async (...args: string[]) => (await run('git', ['-C', root, ...args])).stdout.trim();
  const holdsContracts = async (commit: string) => (await git('ls-tree', '-d', '--name-only', commit, 'proto')) === 'proto';
  try {
    if ((await git('rev-parse', '--show-toplevel')) !== root) return { skipped: 'this folder is not a git checkout' };
    const isEdited = (await git('status', '--porcelain', '--', 'proto')) !== '';
    const before = await git('rev-parse', '--verify', '--quiet', isEdited ? 'HEAD' : 'HEAD~1');
    const release = await git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*', before).catch(() => undefined);
    const commit = release === undefined ? before : await git('rev-parse', '--verify', '--quiet', `${release}^{commit}`);
    return (await holdsContracts(commit)) ? { commit } : { skipped: `${release ?? 'the commit before'} has no contracts` };
  } catch {
    return { skipped: 'there is no earlier commit to compare with' };
  }
}

/** Whether all that could read the contracts still can. */
export async function contractCompatibility(root: string): Promise<StepResult | Skipped> {
  const history = await contractHistory(root);
  return 'skipped' in history ? history : runTool(toolFile('buf'), ['breaking', '--against', `.git#ref=${history.commit}`], { cwd: root });
}
