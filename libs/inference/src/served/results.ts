import { pause } from '@tessera/platform/concurrency/pause.js';
import { cancelled, internal, unavailable } from '@tessera/platform/errors.js';
import { type HttpAnswer, NoAnswer } from './http-call.js';
import type { ServerAccess } from './server-access.js';
import { saidIn, verdictOn } from './server-answers.js';

const fetchTriesMax = 4;
const fetchRetryMs = 250;
/** A list of models takes no time. */
const checkWithinMs = 10_000;

/** A picture that was answered as a link, or as a `data:` URL. It is paid for: getting it is worth some tries. */
export async function fetchPicture(access: ServerAccess, link: string, modelId: string, signal: AbortSignal): Promise<Uint8Array> {
  const [, base64] = /^data:image\/[\w.+-]+;base64,(.*)$/s.exec(link) ?? [];
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  const failed = (why: string) => internal('painting_failed', `The picture of ${modelId} could not be fetched: ${why}.`);
  for (let tries = 1; ; tries += 1) {
    const answer = await access.fetchResult(link, signal).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
      return error;
    });
    if (answer === undefined) throw failed(`its link leads to ${hostOf(link)}, which "resultOrigins" does not name`);
    if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
    if ('status' in answer && answer.status === 200) return answer.body;
    const isWorthATry = 'status' in answer ? answer.status >= 500 || answer.status === 429 : answer.how !== 'too_large';
    if (!isWorthATry || tries === fetchTriesMax) throw failed(reasonOf(answer));
    await pause(fetchRetryMs * tries, signal);
  }
}

function reasonOf(answer: HttpAnswer | NoAnswer): string {
  if (!('status' in answer)) return answer.how === 'too_large' ? 'it is larger than is read of one answer' : 'its server does not answer';
  if (answer.status >= 300 && answer.status < 400) return 'its link redirects, which is not followed';
  return `its server answers ${answer.status}`;
}

const hostOf = (link: string): string => URL.parse(link)?.host.slice(0, 100) || 'no address';

/** Whether the server is there and accepts the key. */
export async function checkRoute(access: ServerAccess, route: string, modelId: string, signal: AbortSignal): Promise<void> {
  const answer = await access.call('GET', route, { signal, withinMs: checkWithinMs }).catch((error: unknown) => {
    if (!(error instanceof NoAnswer)) throw error;
    throw unavailable('engine_unavailable', `The server of ${modelId} (${access.base.host}) does not answer.`, { cause: error });
  });
  if (answer.status === 200) return;
  const said = saidIn(answer);
  const sentence = await access.withoutKey(said.sentence);
  throw verdictOn(answer, { ...said, sentence }, { modelId, host: access.base.host, notBegunStatuses: [503], failsWith500: false }).error;
}
