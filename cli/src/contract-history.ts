import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * The commit that the contracts must still be compatible with: the last one when they have been edited since, else the one before it,
 * because comparing a clean checkout with its own commit would prove nothing.
 */
export async function contractHistory(root: string): Promise<{ readonly commit: string } | { readonly skipped: string }> {
  const git = async (...args: string[]) => (await run('git', ['-C', root, ...args])).stdout.trim();
  const holdsContracts = async (commit: string) => (await git('ls-tree', '-d', '--name-only', commit, 'proto')) === 'proto';
  try {
    if ((await git('rev-parse', '--show-toplevel')) !== root) return { skipped: 'this folder is not a git checkout' };
    const isEdited = (await git('status', '--porcelain', '--', 'proto')) !== '';
    const commit = await git('rev-parse', '--verify', '--quiet', isEdited ? 'HEAD' : 'HEAD~1');
    return (await holdsContracts(commit)) ? { commit } : { skipped: 'the commit before has no contracts' };
  } catch {
    return { skipped: 'there is no earlier commit to compare with' };
  }
}
