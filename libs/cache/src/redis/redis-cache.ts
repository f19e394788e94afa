import { ErrorReply } from 'redis';
import type { Logger } from '@tessera/platform/logger.js';
import { Cache } from '../cache.js';
import { assertListenersMax, assertStep, assertTtl, assertValue, deliver, notACounter } from '../cache-rules.js';
import { RedisLink, type RedisClient } from './redis-link.js';

/** Before every key and channel: other programs may use the same Redis. */
const prefix = 'tessera:';

/**
 * One step on the server, or a crash between the two halves would leave a counter that never expires. A number beyond 2^53 could not be told exactly, so it is taken back.
 * KEYS[1]: counter; ARGV: step, time to live in ms.
 */
const incrementScript = `
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if value > 9007199254740991 or value < -9007199254740991 then
  redis.call('DECRBY', KEYS[1], ARGV[1])
  return redis.error_reply('ERR value is not an integer or out of range')
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {value, left}`;

type Listener = (message: Uint8Array) => void;

/** All listeners of a channel in this process share one subscription at the server. */
class Channel {
  readonly listeners = new Set<{ readonly listener: Listener }>();
  subscribed: Promise<void> = Promise.resolve();
  readonly onMessage = (message: Buffer): void => {
    for (const { listener } of [...this.listeners]) deliver(listener, message);
  };
}

export class RedisCache extends Cache {
  private readonly channels = new Map<string, Channel>();
  private link!: RedisLink;

  private constructor() {
    super();
  }

  static async open(url: string, logger: Logger): Promise<RedisCache> {
    const cache = new RedisCache();
    cache.link = await RedisLink.open(url, logger, (client) => cache.subscribeAgain(client));
    return cache;
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.link.send((client) => client.get(prefix + key))) ?? undefined;
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    assertValue(value);
    assertTtl(ttlMs);
    await this.link.send((client) => client.set(prefix + key, value, { expiration: { type: 'PX', value: Math.ceil(ttlMs) } }));
  }

  async delete(key: string): Promise<void> {
    await this.link.send((client) => client.del(prefix + key));
  }

  async increment(key: string, by: number, ttlMs: number): Promise<{ value: number; expiresInMs: number }> {
    assertStep(by);
    assertTtl(ttlMs);
    try {
      const reply = await this.link.send((client) =>
        client.eval(incrementScript, { keys: [prefix + key], arguments: [String(by), String(Math.ceil(ttlMs))] }),
      );
      const [value, expiresInMs] = reply as [number, number];
      return { value, expiresInMs };
    } catch (error) {
      if (error instanceof ErrorReply && /not an integer|overflow|WRONGTYPE/.test(error.message)) throw notACounter(key);
      throw error;
    }
  }

  async publish(channel: string, message: Uint8Array): Promise<void> {
    await this.link.send((client) => client.publish(prefix + channel, Buffer.from(message.buffer, message.byteOffset, message.byteLength)));
  }

  async subscribe(name: string, listener: Listener): Promise<() => void> {
    const channel = this.channels.get(name) ?? this.openChannel(name);
    assertListenersMax(channel.listeners.size, name);
    // An object of its own, so that the same function may listen twice and stop once.
    const subscription = { listener };
    channel.listeners.add(subscription);
    const stop = () => {
      if (channel.listeners.delete(subscription) && channel.listeners.size === 0) this.closeChannel(name, channel);
    };
    try {
      await channel.subscribed;
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }

  close(): void {
    this.channels.clear();
    this.link.close();
  }

  private openChannel(name: string): Channel {
    const channel = new Channel();
    this.channels.set(name, channel);
    channel.subscribed = this.link.send((client) => client.subscribe(prefix + name, channel.onMessage, true));
    return channel;
  }

  /** Not awaited: the listener is removed already, and a broken connection has no subscription any more. */
  private closeChannel(name: string, channel: Channel): void {
    if (this.channels.get(name) === channel) this.channels.delete(name);
    void this.link.send((client) => client.unsubscribe(prefix + name, channel.onMessage, true)).catch(() => undefined);
  }

  private subscribeAgain(client: RedisClient): void {
    for (const [name, channel] of this.channels) void client.subscribe(prefix + name, channel.onMessage, true).catch(() => undefined);
  }
}
