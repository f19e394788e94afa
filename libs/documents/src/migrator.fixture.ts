import type { CollectionSpec } from './documents.js';
import { openDocuments } from './open-documents.js';

/** The process that the migration specs kill: opens a store, migrates, and prints the id of each document that it migrates. */
const [profile, location = ''] = process.argv.slice(2);

const spec: CollectionSpec = {
  name: 'migrations.numbers',
  version: 2,
  indexes: [],
  migrations: [
    {
      from: 1,
      migrate: ({ n }, id) => {
        process.stdout.write(`${id}\n`);
        return { n: Number(n) + 1_000_000 };
      },
    },
  ],
};

const store = await (profile === 'cluster'
  ? openDocuments({ profile: 'cluster', mongoUrl: location })
  : openDocuments({ dataDir: location }));
store.documents.collection(spec);
await store.ready();
await store.close();
