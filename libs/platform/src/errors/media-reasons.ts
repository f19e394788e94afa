import { alreadyExists, type ReasonEntry } from './reason-entry.js';

/** Pictures, uploads, stored files and signed links. */
export const mediaReasons = {
  unknown_asset: { kind: 'NotFound', explains: 'The account has no picture with this id.' },
  unknown_init_image: { kind: 'NotFound', explains: 'The account has no uploaded picture with this id.' },
  upload_missing: { kind: 'FailedPrecondition', explains: 'The upload was announced, and its bytes have not come yet: post them to the form that was answered.' },
  upload_busy: { kind: 'Unavailable', explains: 'The upload is being replaced at this moment.' },
  inspections_busy: { kind: 'Unavailable', explains: 'Too many uploads are being looked at.' },
  not_an_image: { kind: 'InvalidArgument', explains: 'The upload is not a whole PNG, JPEG or WebP picture.' },
  image_too_large: { kind: 'InvalidArgument', explains: 'The picture has more than 25 MiB or 40 megapixels.' },
  not_an_upload: { kind: 'InvalidArgument', explains: 'The picture was generated, and the call is for uploads.' },
  not_painted: { kind: 'InvalidArgument', explains: 'The picture was uploaded, and the call is for generated ones.' },
  invalid_file_extension: { kind: 'InvalidArgument', explains: 'Pictures are png, jpg, jpeg or webp.' },
  unsupported_content_type: { kind: 'InvalidArgument', explains: 'Pictures are PNG, JPEG or WebP.' },
  unacceptable_content_type: { kind: 'InvalidArgument', explains: 'The file of the form is of another type than the form allows.' },
  repeated_asset: { kind: 'InvalidArgument', explains: 'Two pictures of one call have the same id or index.' },
  asset_id_taken: { kind: 'Conflict', grpc: alreadyExists, repeat: false, explains: 'The id belongs to a picture of another job.' },
  invalid_link_signature: { kind: 'PermissionDenied', explains: 'The signature of the link or form does not belong to this request.' },
  link_expired: { kind: 'PermissionDenied', explains: 'The link or form has expired; ask for a new one.' },
  invalid_size_limit: { kind: 'InvalidArgument', explains: 'An upload form would allow more bytes than forms may.' },
  unknown_object: { kind: 'NotFound', explains: 'There is no such file.' },
  object_too_large: { kind: 'InvalidArgument', explains: 'The file has more bytes than are allowed here.' },
  invalid_range: { kind: 'InvalidArgument', explains: 'The file does not have the bytes that were asked for.' },
  invalid_object_key: { kind: 'InvalidArgument', explains: 'That is no name that a stored file can have.' },
  invalid_content_type: { kind: 'InvalidArgument', explains: 'That is no content type.' },
  storage_full: { kind: 'ResourceExhausted', http: 507, explains: 'There is no space left to store files.' },
} as const satisfies Record<string, ReasonEntry>;
