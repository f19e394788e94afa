import { pino } from 'pino';
import { openEngine } from '../open-engine.js';

type Line = { readonly msg: string; readonly pythonPid?: number };

/** Run by the spec as a process of its own, to be killed while its child generates; prints the child's process id. */
const [, , pythonProgram] = process.argv;
const logger = pino({ base: null }, { write: (line: string) => announce(JSON.parse(line) as Line) });
let childPid: number | undefined;

function announce({ pythonPid, msg }: Line): void {
  if (msg === 'the Python process is ready') childPid = pythonPid;
}

const engine = await openEngine({ engine: 'python', threads: 1, logger, ...(pythonProgram === undefined ? {} : { pythonProgram }) });
const batch = {
  modelId: 'mosaic-3d',
  widthPx: 512,
  heightPx: 512,
  steps: 60,
  guidanceScale: 7,
  previewEverySteps: 0,
  requests: [{ requestId: 'a', prompt: 'an apple', negativePrompt: '', seed: 1, images: 4, style: 'NONE' }],
};
for await (const update of engine.generate(batch, new AbortController().signal))
  if (update.type === 'step' && update.step === 2) process.stdout.write(`${childPid}\n`);
