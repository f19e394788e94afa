import { TesseraError } from '@tessera/platform/errors.js';
import type { EngineEvent, GenerateTask, Task } from './contract.js';
import { type Answer, RemoteTasks } from './remote-tasks.js';
import type { Bundle } from './tensor-bundle.js';

/** Notes the tasks and answers each picture in one grey, as large as it was asked for. */
export class RecordingTasks extends RemoteTasks {
  override readonly name = 'a recorder';
  readonly asked: { readonly task: Task; readonly tensors: Bundle }[] = [];
  /** What is said before the pictures. */
  events: EngineEvent[] = [];
  /** Refusals, one for each of the next paint tasks. */
  refusals: TesseraError[] = [];
  /** Of the pictures that are answered, beyond what was asked for. */
  extraWidthPx = 0;

  override async *run(task: Task, tensors: Bundle): AsyncGenerator<Answer> {
    this.asked.push({ task, tensors });
    if (task.task !== 'paint') return;
    const refusal = this.refusals.shift();
    if (refusal) throw refusal;
    for (const event of this.events) yield { event, payload: new Uint8Array() };
    yield* this.#pictures(task);
  }

  override async check(): Promise<void> {}
  override close(): void {}

  /** The tasks of the kind that generates. */
  get paints(): readonly { readonly task: GenerateTask; readonly tensors: Bundle }[] {
    return this.asked.flatMap(({ task, tensors }) => (task.task === 'paint' ? [{ task, tensors }] : []));
  }

  *#pictures({ pictures, widthPx, heightPx }: GenerateTask): Iterable<Answer> {
    const wide = widthPx + this.extraWidthPx;
    for (const [picture] of pictures.entries())
      yield { event: { type: 'image', picture, widthPx: wide, heightPx }, payload: new Uint8Array(3 * wide * heightPx).fill(90) };
  }
}
