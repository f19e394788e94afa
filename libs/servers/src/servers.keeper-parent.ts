import { startRedis } from './redis.js';

/** Run by the spec as a process of its own, to be killed: starts a server, says where, and waits for its end. */
const server = await startRedis();
process.stdout.write(`${server.url}\n`);
process.stdin.resume();
