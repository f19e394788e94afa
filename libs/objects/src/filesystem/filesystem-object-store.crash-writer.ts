import { openObjectStore } from '../open-object-store.js';
import { writeVersionsForever } from '../object-store.crash-writer.js';

/** Run by the conformance suite as a process of its own: `node … <dataDir> <key>`. */
const [, , dataDir = '', key = ''] = process.argv;
await writeVersionsForever(await openObjectStore({ dataDir, publicUrl: () => 'http://localhost' }), key);
