import { counter } from '@tessera/platform/telemetry/metrics.js';

export const canaryPictures = counter({
  name: 'tessera_engine_canaries_total',
  help: 'Tiny pictures that an idle worker generated to check whether its engine still can, by how that ended.',
  labelNames: ['outcome'],
});
canaryPictures.inc({ outcome: 'generated' }, 0);
canaryPictures.inc({ outcome: 'failed' }, 0);
