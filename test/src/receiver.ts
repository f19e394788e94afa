import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Posted = { readonly headers: Record<string, string>; readonly body: string };

/** Somebody's server that webhooks go to. */
export class Receiver {
  readonly posted: Posted[] = [];
  #waiting: { matches: (posted: Posted) => boolean; resolve: (posted: Posted) => void }[] = [];
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const posted = { headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() };
      this.posted.push(posted);
      for (const { matches, resolve } of this.#waiting) if (matches(posted)) resolve(posted);
      response.end();
    });
  });

  async open(): Promise<string> {
    await new Promise<void>((listening) => this.#server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** The first post that matches, when it has come. */
  post(matches: (posted: Posted) => boolean): Promise<Posted> {
    const known = this.posted.find(matches);
    return known ? Promise.resolve(known) : new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
