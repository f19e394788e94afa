import { invalidArgument } from '@tessera/platform/errors.js';
import type { ModelInfo } from './model-info.js';

/** InvalidArgument `unsupported_size` where a model has listed sizes only, and this is none of them. */
export function refuseUnlistedSize({ modelId, sizes }: Pick<ModelInfo, 'modelId' | 'sizes'>, widthPx: number, heightPx: number): void {
  if (!sizes || sizes.includes(`${widthPx}x${heightPx}`)) return;
  throw invalidArgument('unsupported_size', `${modelId} makes ${sizes.join(', ')}, not ${widthPx}x${heightPx}.`, { param: 'width' });
}
