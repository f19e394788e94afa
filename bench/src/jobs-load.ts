import http from 'node:http';

export type LoadOrder = { readonly url: string; readonly key: string; readonly clients: number; readonly seconds: number };
export type LoadFigures = {
  readonly jobs: number;
  readonly failures: number;
  readonly seconds: number;
  readonly submitP50Ms: number;
  readonly submitP99Ms: number;
  readonly jobP50Ms: number;
  readonly jobP99Ms: number;
};

/** The client's own waiting must not be what is measured, so it is as thin as Node allows: one kept connection a client, answers read as one text. */
const body = JSON.stringify({ prompt: 'a red apple on a beach at sunset', num_images: 1, width: 512, height: 512 });
const jobWaitMs = 20_000;
/** Says once what went wrong, not a thousand times. */
let hasComplained = false;

process.on('message', (order: LoadOrder) => {
  run(order).then(
    (figures) => process.send?.(figures),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});

async function run({ url, key, clients, seconds }: LoadOrder): Promise<LoadFigures> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const submitMs: number[] = [];
  const jobMs: number[] = [];
  let failures = 0;
  const client = async () => {
    while (performance.now() < endMs) {
      const submittedMs = performance.now();
      const created = await call(agent, 'POST', `${url}/api/rest/v1/generations`, key, body);
      submitMs.push(performance.now() - submittedMs);
      const id = /"generationId":"([^"]+)"/.exec(created.text)?.[1];
      const isDone = id !== undefined && (await waitForEnd(agent, url, key, id));
      if (isDone) jobMs.push(performance.now() - submittedMs);
      else failures += complain(created);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  const elapsedSeconds = (performance.now() - startMs) / 1000;
  return {
    jobs: jobMs.length,
    failures,
    seconds: elapsedSeconds,
    submitP50Ms: percentile(submitMs, 0.5),
    submitP99Ms: percentile(submitMs, 0.99),
    jobP50Ms: percentile(jobMs, 0.5),
    jobP99Ms: percentile(jobMs, 0.99),
  };
}

async function waitForEnd(agent: http.Agent, url: string, key: string, id: string): Promise<boolean> {
  for (;;) {
    const { text, status } = await call(agent, 'GET', `${url}/api/rest/v1/generations/${id}?wait=${jobWaitMs}`, key);
    if (status !== 200) return false;
    if (text.includes('"status":"COMPLETE"')) return true;
    if (!text.includes('"status":"PENDING"')) return false;
  }
}

function complain(answer: { status: number; text: string }): number {
  if (!hasComplained) process.stderr.write(`a job failed: ${answer.status} ${answer.text.slice(0, 300)}\n`);
  hasComplained = true;
  return 1;
}

function call(agent: http.Agent, method: string, url: string, key: string, payload?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
    };
    const request = http.request(url, { agent, method, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on('error', reject);
    });
    request.on('error', reject);
    request.end(payload);
  });
}

function percentile(values: readonly number[], share: number): number {
  const ordered = values.toSorted((a, b) => a - b);
  return ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * share))] ?? 0;
}
