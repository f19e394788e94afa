/** The lines of a streamed answer, as they come. */
export async function* serverLines(answer: Response): AsyncIterable<string> {
  let pending = '';
  const decoder = new TextDecoder();
  if (!answer.body) return;
  for await (const chunk of answer.body) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n');
    pending = lines.pop() ?? '';
    yield* lines.filter((line) => line.trim() !== '');
  }
  if (pending.trim() !== '') yield pending;
}
