/** Carried to the thread by structured clone: the bytes are copied once. */
export type SmallPut = {
  readonly temporary: string;
  readonly target: string;
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly storedMs: number;
};

export type SmallPutOutcome = { readonly sha256: string } | { readonly code: string; readonly message: string };
