import type { ComputeSpec as ComputeSpecMessage } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { invalidField } from '../errors.js';
import type { ComputeSpec } from './quote.js';

/** A computation as the contract says it: one arm for each kind. Inside and in the store it is flat, under the names that entries have always had. */
export function computeOf(compute: ComputeSpecMessage | undefined): ComputeSpec {
  switch (compute?.spec.case) {
    case 'image': {
      const { modelId, widthPx, heightPx, steps, images, superResolution, surcharges } = compute.spec.value;
      return { modelId, widthPx, heightPx, steps, images, superResolution, surcharges };
    }
    case 'upscale': {
      const { modelId, widthPx, heightPx, images, surcharges } = compute.spec.value;
      return { kind: 'upscale', modelId, widthPx, heightPx, images, surcharges };
    }
    case 'motion': {
      const { modelId, widthPx, heightPx, clips, frames, isComplex, surcharges } = compute.spec.value;
      return {
        kind: 'motion',
        modelId,
        widthPx,
        heightPx,
        images: clips,
        ...(frames > 0 ? { frames } : {}),
        ...(isComplex ? { complexity: 'complex' as const } : {}),
        surcharges,
      };
    }
    case 'training': {
      const { modelId, widthPx, heightPx, images, epochs, steps, surcharges } = compute.spec.value;
      return { kind: 'training', modelId, widthPx, heightPx, images, epochs, ...(steps > 0 ? { steps } : {}), surcharges };
    }
    case 'generic': {
      const { kind, modelId, units, milliTokensPerUnit } = compute.spec.value;
      return { kind: 'generic', workKind: kind, modelId, units, milliTokensPerUnit };
    }
    case undefined:
      throw invalidField('compute', compute ? 'compute names no kind of work.' : 'compute is missing.');
  }
}
