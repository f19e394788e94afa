/** Somebody who looks whether the engine can paint: a worker without one trusts it. */
export type EngineHealth = {
  /** Resolves at once while nothing is known against the engine, else when it paints again or the signal aborts. */
  whenFit(signal: AbortSignal): Promise<void>;
  /** The engine has said that it is not available: looks, and answers whether that is so. */
  isLost(): Promise<boolean>;
};
