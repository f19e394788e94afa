import fs from 'node:fs';
import { openDocuments } from '../open-documents.js';

/** The process that the outbox spec kills: hands events on into a file, a line each, durable before it is acknowledged. */
const [mongoUrl = '', file = ''] = process.argv.slice(2);
const { outbox } = await openDocuments({ profile: 'cluster', mongoUrl });
const out = fs.openSync(file, 'a');
outbox.relay(async (events) => {
  fs.writeSync(out, events.map(({ key, id }) => `${key} ${id}\n`).join(''));
  fs.fsyncSync(out);
  process.stdout.write(`${events.length}\n`);
});
