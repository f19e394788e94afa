import { factsOf, peerNames } from './services.js';

/** `{ billing: 'host:port' }` to full service names. Throws a sentence that names an unknown peer. */
export function addressesOf(peers: Readonly<Record<string, string>>): Map<string, string> {
  const addresses = new Map<string, string>();
  for (const [peer, address] of Object.entries(peers)) {
    const name = peerNames.find((known) => known === peer);
    if (name === undefined) throw new Error(`TESSERA_PEERS names "${peer}"; known are ${peerNames.join(', ')}.`);
    for (const { typeName } of factsOf(name).contracts) addresses.set(typeName, address);
  }
  return addresses;
}
