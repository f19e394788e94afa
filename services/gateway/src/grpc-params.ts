import type { DescMessage, DescMethod } from '@bufbuild/protobuf';

/** What the use cases and services call a field, and where it may stand in a request of the public contracts; the first place that the request has is meant. */
const grpcNames: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    id: ['job_id', 'image_id', 'webhook_id', 'delivery_id'],
    asset_id: ['image_id', 'request.operation.asset_id'],
    factor: ['request.operation.upscale.factor'],
    asset_ids: ['image_ids'],
    width: ['request.width_px'],
    height: ['request.height_px'],
    num_images: ['request.images'],
    num_inference_steps: ['request.steps'],
    presetStyle: ['request.style'],
    init_image_id: ['request.init_image.asset_id'],
    init_mask_id: ['request.init_image.mask_asset_id'],
    init_strength: ['request.init_image.strength'],
    init_placement: ['request.init_image.placement'],
    after: ['page_token', 'after_sequence'],
    operation_id: ['operation_id', 'payment_id'],
    capTokens: ['cap_tokens'],
    spendCapTokens: ['spend_cap'],
    lowBalanceTokens: ['low_balance'],
    catalogue: ['catalogue_json'],
    dataset_id: ['dataset_id', 'header.dataset_id'],
    caption: ['caption', 'notes.caption', 'header.notes.caption'],
    provenance: ['provenance', 'notes.provenance', 'header.notes.provenance'],
    licence: ['licence', 'notes.licence', 'header.notes.licence'],
  }),
);

/** Metadata keys that callers send. */
const metadataNames: ReadonlyMap<string, string> = new Map([
  ['idempotency_key', 'idempotency-key'],
  ['Idempotency-Key', 'idempotency-key'],
]);

/** The path of the field in the request of this method; undefined for what its caller cannot have written. */
export function paramInGrpc({ input }: DescMethod, param: string): string | undefined {
  return metadataNames.get(param) ?? [...(grpcNames.get(param) ?? []), param, `request.${param}`].find((path) => has(input, path));
}

function has(message: DescMessage, path: string): boolean {
  const [first = '', ...rest] = path.split('.');
  const field = message.fields.find(({ name }) => name === first.replace(/\[\d+\]$/, ''));
  if (!field || rest.length === 0) return field !== undefined;
  return field.message !== undefined && has(field.message, rest.join('.'));
}
