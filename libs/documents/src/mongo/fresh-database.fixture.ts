import { randomBytes } from 'node:crypto';

/** For specs: the address of a new, empty database on a server. */
export function freshDatabase(serverUrl: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/spec-${randomBytes(6).toString('hex')}`;
  return url.href;
}
