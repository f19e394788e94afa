export type Check = {
  readonly name: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly finding: string;
  /** What the person can do about it. */
  readonly remedy?: string;
};

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
