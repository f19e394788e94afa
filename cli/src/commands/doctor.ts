import { checkEngine, checkModels } from '../doctor/engine-checks.js';
import { checkClock, checkDataFolder, checkNode, checkPackages, checkPort, checkServer } from '../doctor/machine-checks.js';
import type { Check } from '../doctor/check.js';
import { dataFolder } from '../places.js';
import { findRunningServer } from '../server-file.js';

const marks = { ok: '✓', warn: '!', fail: '✗' } as const;

/** Exit code 0 when nothing failed; warnings are for reading. */
export async function doctor(options: { readonly data?: string }): Promise<number> {
  const dataDir = dataFolder(options.data);
  const running = await findRunningServer(dataDir);
  const checks: readonly (() => Promise<Check>)[] = [
    checkNode,
    checkPackages,
    () => checkDataFolder(dataDir),
    () => checkPort('HTTP', 8420, running),
    () => checkPort('gRPC', 8421, running),
    () => checkServer(dataDir, running),
    checkModels,
    checkEngine,
    checkClock,
  ];
  let failures = 0;
  for (const check of checks) {
    const { name, verdict, finding, remedy } = await check();
    if (verdict === 'fail') failures += 1;
    process.stdout.write(
      `${marks[verdict]} ${verdict.padEnd(4)}  ${name.padEnd(12)} ${finding}\n${remedy ? `                     → ${remedy}\n` : ''}`,
    );
  }
  process.stdout.write(failures === 0 ? 'All is well.\n' : `${failures} of ${checks.length} checks failed.\n`);
  return failures === 0 ? 0 : 1;
}
