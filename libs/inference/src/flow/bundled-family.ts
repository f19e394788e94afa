import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import type { Manifest } from '@tessera/models/manifest.js';

let loading: Promise<Manifest> | undefined;

/** The family that comes with Tessera: its graphs enlarge and cut out for those that have none of their own. Its other files are not read. */
export function bundledFamily(): Promise<Manifest> {
  loading ??= loadFamilies(bundledModelsDir).then((families) => {
    const family = families.find(isFlow);
    if (!family) throw new Error(`${bundledModelsDir}: the bundled family is missing`);
    return family;
  });
  return loading;
}
