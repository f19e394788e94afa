/** 0 is success; everything else is one of these, so that scripts can tell a refusal from a breakdown. */
export const exitCodes = { failed: 1, refused: 2, interrupted: 130 } as const;

/** Ends a command with a sentence for the person, and a hint where there is something they can do; never a stack. */
export class CommandFailure extends Error {
  constructor(
    message: string,
    readonly exitCode: number = exitCodes.failed,
    readonly hint?: string,
  ) {
    super(message);
    this.name = 'CommandFailure';
  }
}

/** Prints any error as one or two sentences and gives the exit code that belongs to it. */
export function reportFailure(error: unknown): number {
  if (error instanceof CommandFailure) {
    process.stderr.write(`tessera: ${error.message}\n${error.hint ? `         ${error.hint}\n` : ''}`);
    return error.exitCode;
  }
  const detail = error instanceof Error ? error.message : String(error);
  process.stderr.write(`tessera: ${detail}\n`);
  if (process.env['TESSERA_LOG_LEVEL'] === 'debug' && error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`);
  return exitCodes.failed;
}
