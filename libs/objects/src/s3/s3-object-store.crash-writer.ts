import { parseConfig } from '@tessera/platform/config.js';
import { openObjectStore } from '../open-object-store.js';
import { writeVersionsForever } from '../object-store.crash-writer.js';

/** Run by the conformance suite as a process of its own: `node … <settings as JSON> <key>`. */
const [, , settings = '', key = ''] = process.argv;
const { s3, dataDir } = parseConfig({ dataDir: 'unused', s3: JSON.parse(settings) as unknown });
await writeVersionsForever(await openObjectStore({ profile: 'cluster', dataDir, publicUrl: () => '', s3 }), key);
