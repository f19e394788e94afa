import fs from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from './installations.js';
import { freeLoopbackPort } from './loopback.js';
import type { RunningServer, ServerRecipe } from './running-server.js';
import { startServer } from './start-server.js';

const version = 'v2.5.0';

/** Shopify's proxy for breaking connections on purpose. */
export const toxiproxyRecipe: ServerRecipe = {
  name: 'toxiproxy',
  native: {
    installation: `toxiproxy-${version}`,
    program: 'toxiproxy-server',
    needs: 'Go 1.21 or newer, or toxiproxy itself',
    async install(folder) {
      await runProgram('go', ['install', '-trimpath', '-ldflags=-s -w', `github.com/Shopify/toxiproxy/v2/cmd/server@${version}`], {
        env: { GOBIN: folder },
      });
      await fs.rename(path.join(folder, 'server'), path.join(folder, 'toxiproxy-server'));
    },
    async command({ installation, port }) {
      const program = 'program' in installation ? installation.program : path.join(installation.folder, 'toxiproxy-server');
      return { program, args: ['-host', '127.0.0.1', '-port', String(port)] };
    },
  },
  url: (port) => `http://127.0.0.1:${port}`,
  isReady: (port) =>
    fetch(`http://127.0.0.1:${port}/version`).then(
      ({ ok }) => ok,
      () => false,
    ),
};

/** One link between our services and a server, which can be cut. */
export type Link = {
  /** `host:port` that stands for the server. */
  readonly address: string;
  /** A network that swallows every packet: connections stay open and nothing arrives any more, in both directions. */
  cut(): Promise<void>;
  heal(): Promise<void>;
};

export class Toxiproxy {
  private constructor(private readonly server: RunningServer) {}

  static async start(): Promise<Toxiproxy> {
    return new Toxiproxy(await startServer(toxiproxyRecipe));
  }

  /** @param upstream `host:port` of the server */
  async link(name: string, upstream: string, port?: number): Promise<Link> {
    const address = `127.0.0.1:${port ?? (await freeLoopbackPort())}`;
    await this.#ask('POST', '/proxies', { name, listen: address, upstream, enabled: true });
    const directions = ['upstream', 'downstream'];
    return {
      address,
      cut: async () => {
        // A timeout of 0 never ends: https://github.com/Shopify/toxiproxy#timeout
        for (const stream of directions)
          await this.#ask('POST', `/proxies/${name}/toxics`, {
            name: `cut-${stream}`,
            type: 'timeout',
            stream,
            attributes: { timeout: 0 },
          });
      },
      heal: async () => {
        for (const stream of directions) await this.#ask('DELETE', `/proxies/${name}/toxics/cut-${stream}`);
      },
    };
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  async #ask(method: string, resource: string, body?: unknown): Promise<void> {
    const answer = await fetch(`${this.server.url}${resource}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`Toxiproxy refused ${method} ${resource}: ${text}`);
  }
}
