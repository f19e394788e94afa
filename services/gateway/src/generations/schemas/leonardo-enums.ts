/** Closed lists of Leonardo's API (SDK 4.21.3). */

export const sdVersions = [
  'v1_5',
  'v2',
  'v3',
  'SDXL_0_8',
  'SDXL_0_9',
  'SDXL_1_0',
  'SDXL_LIGHTNING',
  'PHOENIX',
  'FLUX',
  'FLUX_DEV',
  'KINO_2_0',
] as const;

export const presetStyles = [
  'ANIME',
  'BOKEH',
  'CINEMATIC',
  'CINEMATIC_CLOSEUP',
  'CREATIVE',
  'DYNAMIC',
  'ENVIRONMENT',
  'FASHION',
  'FILM',
  'FOOD',
  'GENERAL',
  'HDR',
  'ILLUSTRATION',
  'LEONARDO',
  'LONG_EXPOSURE',
  'MACRO',
  'MINIMALISTIC',
  'MONOCHROME',
  'MOODY',
  'NONE',
  'NEUTRAL',
  'PHOTOGRAPHY',
  'PORTRAIT',
  'RAYTRACED',
  'RENDER_3D',
  'RETRO',
  'SKETCH_BW',
  'SKETCH_COLOR',
  'STOCK_PHOTO',
  'VIBRANT',
  'UNPROCESSED',
] as const;

export const schedulers = ['KLMS', 'EULER_ANCESTRAL_DISCRETE', 'EULER_DISCRETE', 'DDIM', 'DPM_SOLVER', 'PNDM', 'LEONARDO'] as const;

export const pricingServices = [
  'IMAGE_GENERATION',
  'FANTASY_AVATAR_GENERATION',
  'MOTION_SVD_GENERATION',
  'MOTION_VIDEO_GENERATION',
  'VEO3_MOTION_VIDEO_GENERATION',
  'LCM_GENERATION',
  'MODEL_TRAINING',
  'TEXTURE_GENERATION',
  'UNIVERSAL_UPSCALER',
  'UNIVERSAL_UPSCALER_ULTRA',
] as const;

/** Raw HTTP clients name presets by UUID (`styleUUID`), which the SDKs cannot send. */
export const presetByStyleUuid: ReadonlyMap<string, (typeof presetStyles)[number]> = new Map([
  ['111dc692-d470-4eec-b791-3475abac4c46', 'DYNAMIC'],
  ['556c1ee5-ec38-42e8-955a-1e82dad0ffa1', 'NONE'],
  ['a5632c7c-ddbb-4e2f-ba34-8456ab3ac436', 'CINEMATIC'],
  ['6fedbf1f-4a17-45ec-84fb-92fe524a29ef', 'CREATIVE'],
  ['594c4a08-a522-4e0e-b7ff-e4dac4b6b622', 'FASHION'],
  ['ab5a4220-7c42-41e5-a578-eddb9fed3d75', 'PORTRAIT'],
  ['5bdc3f2a-1be6-4d1c-8e77-992a30824a2c', 'STOCK_PHOTO'],
  ['dee282d3-891f-4f73-ba02-7f8131e5541b', 'VIBRANT'],
  ['cc53f935-884c-40a0-b7eb-1f5c42821fb5', 'CINEMATIC_CLOSEUP'],
  ['85da2dcc-c373-464c-9a7a-5624359be859', 'FILM'],
  ['97c20e5c-1af6-4d42-b227-54d03d8f0727', 'HDR'],
  ['645e4195-f63d-4715-a3f2-3fb1e6eb8c70', 'ILLUSTRATION'],
  ['a2f7ea66-959b-4bbe-b508-6133238b76b6', 'MONOCHROME'],
  ['621e1c9a-6319-4bee-a12d-ae40659162fa', 'MOODY'],
  ['8e2bc543-6ee2-45f9-bcd9-594b6ce84dcd', 'PORTRAIT'],
  ['6105baa2-851b-446e-9db5-08a671a8c42f', 'RETRO'],
]);
