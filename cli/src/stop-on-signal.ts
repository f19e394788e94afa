import { exitCodes } from './failure.js';

/** The first signal drains, the second does not wait: what is unfinished is taken up again at the next start. */
export function stopOnSignal(stop: () => Promise<void>): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(exitCodes.interrupted);
    isStopping = true;
    if (process.stderr.isTTY) process.stderr.write(`\nStopping (${signal}); once more to stop at once…\n`);
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`tessera: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exit(exitCodes.failed);
      },
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}
