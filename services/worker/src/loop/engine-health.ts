/** Whether what a runner computes with can compute: a worker without such a check trusts it. */
export type EngineHealth = {
  /** Resolves at once while nothing is known against the engine, else when it computes again or the signal aborts. */
  whenFit(signal: AbortSignal): Promise<void>;
  /** The engine has answered that it is not available: checks it, and answers whether that is so. */
  isLost(): Promise<boolean>;
};
