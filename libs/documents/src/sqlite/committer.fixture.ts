import { openDocuments } from '../open-documents.js';

/** The process that the crash spec kills: commits documents, each with an event, and prints the ids that were acknowledged. */
const [dataDir = '', count = 'Infinity'] = process.argv.slice(2);
const { documents, close } = await openDocuments({ dataDir });
const collection = documents.collection<{ n: number }>({ name: 'spec.killed', version: 1, indexes: [] });
let next = 0;

async function commitInTurn(): Promise<void> {
  while (next < Number(count)) {
    const id = `n${next++}`;
    await documents.commit([collection.insert(id, { n: next })], [{ id, type: 't.Killed', key: id, data: new Uint8Array([next & 0xff]) }]);
    process.stdout.write(`${id}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, commitInTurn));
await close();
