import { afterEach, describe, expect, it } from '@jest/globals';
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { openRpc } from '../open-rpc.js';
import { packageDefinition } from '../package-definition.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.forceShutdown();
});

/** A process of billing that answers with its name. */
async function serve(plan: string): Promise<number> {
  const server = new Server();
  server.addService(packageDefinition([BillingService])[BillingService.typeName] as never, {
    GetAccount: (_: unknown, answer: sendUnaryData<object>) => answer(null, { account: { plan } }),
  });
  servers.push(server);
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
  );
}

/** A second process is connected to a moment after the first; by then few of these have been made. */
const callsMax = 10_000;

describe('calls to a name behind which several processes are', () => {
  it('reach all of them', async () => {
    const [first, second] = [await serve('first'), await serve('second')];
    const { rpc } = openRpc(new Map([[BillingService.typeName, `ipv4:127.0.0.1:${first},127.0.0.1:${second}`]]));
    const answered = new Set<string>();
    for (let call = 0; call < callsMax && answered.size < 2; call++)
      answered.add((await rpc.client(BillingService).getAccount({ accountId: 'anna' })).account!.plan);
    expect(answered).toEqual(new Set(['first', 'second']));
    await rpc.close();
  });

  it('go on with those that are left', async () => {
    const ports = [await serve('first'), await serve('second')];
    const { rpc } = openRpc(new Map([[BillingService.typeName, `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`]]));
    await rpc.client(BillingService).getAccount({ accountId: 'anna' });
    servers[0]!.forceShutdown();
    const answers: string[] = [];
    for (let call = 0; call < 50; call++)
      answers.push(
        await rpc
          .client(BillingService)
          .getAccount({ accountId: 'anna' })
          .then(
            ({ account }) => account!.plan,
            (error: { reason: string }) => error.reason,
          ),
      );
    expect(answers.at(-1)).toBe('second');
    await rpc.close();
  });
});
