import net from 'node:net';
import tls from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Below the range from which Linux takes ports for outgoing connections (32768 and up): a client that retries while its server is down could otherwise be given the
 * server's own port, and the server could not start again.
 */
const lowestPort = 20_000;
const highestPort = 32_000;
const attemptsMax = 50;

/** A port on which nothing listens, on the loopback address only. */
export async function freeLoopbackPort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = lowestPort + Math.floor(Math.random() * (highestPort - lowestPort));
    if (await canListen(port)) return port;
  }
  throw new Error(`No free port was found between ${lowestPort} and ${highestPort}.`);
}

export function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** Long enough for a busy machine, short enough to ask again soon. */
const answerWithinMs = 2_000;

/** Whether the port sends `expected` back for `question`; through TLS where a certificate is named that it must have. */
export function answers(port: number, question: string, expected: string, ca?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ask = () => socket.write(question);
    const socket = ca === undefined ? net.connect(port, '127.0.0.1', ask) : tls.connect({ port, host: '127.0.0.1', ca }, ask);
    const finish = (isAnswered: boolean) => {
      socket.destroy();
      resolve(isAnswered);
    };
    let received = '';
    socket.setTimeout(answerWithinMs, () => finish(false));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (received.includes(expected)) finish(true);
    });
    socket.once('error', () => finish(false));
    socket.once('close', () => resolve(false));
  });
}

const askEveryMs = 20;

/** Asks until the answer is yes, the time is over, or it cannot become yes any more; resolves with whether it was yes. */
export async function until(
  question: () => Promise<boolean>,
  { withinMs, isHopeless = () => false }: { withinMs: number; isHopeless?: () => boolean },
): Promise<boolean> {
  const deadlineMs = Date.now() + withinMs;
  while (!(await question())) {
    if (isHopeless() || Date.now() > deadlineMs) return false;
    await delay(askEveryMs);
  }
  return true;
}
