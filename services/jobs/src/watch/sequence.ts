/** Where a watcher stands: the job's revision, and a count of what was reported within it. On the wire `revision.step`, opaque to clients. */
export type Sequence = { readonly revision: number; readonly step: number };

export const sequenceText = ({ revision, step }: Sequence): string => `${revision}.${step}`;

/** What cannot be read counts as the beginning: everything is reported again. */
export function parseSequence(text: string): Sequence {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(text);
  return match ? { revision: Number(match[1]), step: Number(match[2]) } : { revision: 0, step: 0 };
}

export const isAfter = (a: Sequence, b: Sequence): boolean => a.revision > b.revision || (a.revision === b.revision && a.step > b.step);

/** Above the number of previews of one step. */
const updatesPerStep = 16;

export const progressSequence = (revision: number, step: number): Sequence => ({ revision, step: step * updatesPerStep + 1 });

export const previewSequence = (revision: number, step: number, index: number): Sequence => ({
  revision,
  step: step * updatesPerStep + 2 + index,
});

/** Where a watcher of all jobs of an account stands: everything that changed before that time has been reported. On the wire `c<ms>`, opaque to clients. */
export const accountSequenceText = (changedMs: number): string => `c${changedMs}`;

export function parseAccountSequence(text: string): number | undefined {
  const match = /^c(\d{1,15})$/.exec(text);
  return match ? Number(match[1]) : undefined;
}
