import { createClient, ErrorReply } from 'redis';
import { failedPrecondition, TesseraError, unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';

export type RedisClient = ReturnType<typeof clientFor>;

/** The cache is never worth waiting for: who asks is a request in hand, and can do without. */
const answerWithinMs = 2_000;
const connectWithinMs = 5_000;
const reconnectAfterMsMax = 2_000;
/** A cut network shows only where something is sent: a link that merely listens would wait for ever. */
const heartbeatEveryMs = 2_000;
/** A connection that is being made may fall silent as well, in its greeting; after so many heartbeats another one is made. */
const beatsWithoutConnectionMax = 2;
/** Commands on their way or waiting for the socket. More means that the server does not keep up; the caller is told so at once. */
const commandsInFlightMax = 20_000;

/** Replies that will be another one once the server has loaded, failed over or made room. */
const passingTroubles = /^(LOADING|BUSY|MASTERDOWN|READONLY|OOM|MISCONF|CLUSTERDOWN|TRYAGAIN|NOREPLICAS)\b/;

const clientFor = (url: string, reconnectAfterMs: (retries: number) => number | false) =>
  createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: commandsInFlightMax,
    socket: { connectTimeout: connectWithinMs, reconnectStrategy: reconnectAfterMs },
  });

/** One connection that mends itself. While it is broken, or when no answer comes, every command is `Unavailable` at once or within two seconds. */
export class RedisLink {
  private client: RedisClient;
  private isBroken = false;
  private beatsWithoutConnection = 0;
  private readonly heartbeat = setInterval(() => this.beat(), heartbeatEveryMs).unref();

  private constructor(
    private readonly url: string,
    private readonly logger: Logger,
    /** Called with each client that takes the place of one that had fallen silent: what was subscribed there is not here. */
    private readonly onRenewed: (client: RedisClient) => void,
    first: RedisClient,
  ) {
    this.client = first;
    this.watch(first);
  }

  /** Throws a sentence that says what to do when there is no Redis, or when it refuses us. */
  static async open(url: string, logger: Logger, onRenewed: (client: RedisClient) => void): Promise<RedisLink> {
    let isOpen = false;
    const client = clientFor(url, (retries) => (isOpen ? reconnectAfterMs(retries) : false));
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.ping();
    } catch (error) {
      if (client.isOpen) client.destroy();
      throw startFailure(url, error);
    }
    isOpen = true;
    return new RedisLink(url, logger, onRenewed, client);
  }

  async send<Answer>(command: (client: RedisClient) => Promise<Answer>): Promise<Answer> {
    const { client } = this;
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.renew(client);
        reject(unavailable('cache_unavailable', 'The cache does not answer.'));
      }, answerWithinMs);
    });
    try {
      return await Promise.race([command(client), silence]);
    } catch (error) {
      throw translated(error);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    clearInterval(this.heartbeat);
    if (this.client.isOpen) this.client.destroy();
  }

  private beat(): void {
    const { client } = this;
    this.beatsWithoutConnection = client.isReady ? 0 : this.beatsWithoutConnection + 1;
    if (client.isReady) void this.send(() => client.ping()).catch(() => undefined);
    else if (this.beatsWithoutConnection > beatsWithoutConnectionMax) this.renew(client);
  }

  /** A connection that no longer answers is given up: bytes may have been lost on it, so waiting would not mend it. */
  private renew(silent: RedisClient): void {
    if (silent !== this.client || !silent.isOpen) return;
    this.client = clientFor(this.url, reconnectAfterMs);
    this.watch(this.client);
    silent.destroy();
    this.beatsWithoutConnection = 0;
    const { client } = this;
    client.connect().then(
      () => this.onRenewed(client),
      () => undefined,
    );
  }

  private watch(client: RedisClient): void {
    client.on('error', (error: Error) => {
      if (this.isBroken) return;
      this.isBroken = true;
      this.logger.warn({ redis: placeOf(this.url), cause: error.message }, 'the connection to Redis is lost; trying again');
    });
    client.on('ready', () => {
      if (this.isBroken) this.logger.info({ redis: placeOf(this.url) }, 'the connection to Redis is back');
      this.isBroken = false;
    });
  }
}

/** Doubling, with a random part so that a hundred processes do not come back in the same millisecond. */
const reconnectAfterMs = (retries: number): number =>
  Math.min(reconnectAfterMsMax, 50 * 2 ** Math.min(retries, 10)) * (0.5 + Math.random() / 2);

/** Refusals by the server are about the command, save those that pass; everything else is about the way there. */
function translated(error: unknown): unknown {
  if (error instanceof TesseraError || (error instanceof ErrorReply && !passingTroubles.test(error.message))) return error;
  return unavailable('cache_unavailable', 'The cache cannot be reached just now.', { cause: error });
}

/** Without user and password. */
function placeOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '6379'}`;
}

function startFailure(url: string, error: unknown): Error {
  const what = error instanceof Error ? error.message : String(error);
  if (/^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH)/.test(what)) {
    return failedPrecondition(
      'cache_refused',
      `Redis at ${placeOf(url)} refuses our user or password: put the right ones into TESSERA_REDIS_URL (redis://user:password@host:port).`,
      { cause: error },
    );
  }
  return unavailable(
    'cache_unreachable',
    `No Redis answers at ${placeOf(url)}: start it, or point TESSERA_REDIS_URL at the right one. (${what})`,
    { cause: error },
  );
}
