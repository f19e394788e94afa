import { startRedis } from './redis.js';

/** Run by the spec as a process of its own, to be killed: starts two servers, kills one of them, prints their addresses, and waits for its end. */
const [running, killed] = await Promise.all([startRedis(), startRedis()]);
await killed.kill();
process.stdout.write(`${running.url}\n`);
process.stdin.resume();
