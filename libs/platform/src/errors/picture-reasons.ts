import type { ReasonEntry } from './reason-entry.js';

/** What a picture or a training may be asked for, and what a model can do. Those found only when the job runs end the job, and its tokens return. */
export const pictureReasons = {
  engine_misconfigured: {
    kind: 'Unavailable',
    repeat: false,
    explains:
      'The server that runs the model does not accept our key, is not paid, or is another one than the settings say. The operator has to look.',
  },
  content_refused: {
    kind: 'InvalidArgument',
    explains: 'The provider of the model refuses what the picture would show; the message is in its words.',
  },
  server_refused: { kind: 'InvalidArgument', explains: 'The server that runs the model refuses the request; the message is in its words.' },
  outcome_unknown: {
    kind: 'DeadlineExceeded',
    repeat: false,
    explains:
      'The request was sent to a server that is paid for each picture, and no answer came. It is not sent again, so that nothing is paid twice; the tokens were returned.',
  },
  paid_unfinished: {
    kind: 'Internal',
    explains:
      'A server that is paid for each picture has begun the job, which then failed. It is not begun again; the tokens were returned.',
  },
  prompt_empty: { kind: 'InvalidArgument', explains: 'The prompt is empty: it has to say what the picture shows.' },
  prompt_too_long: { kind: 'InvalidArgument', explains: 'The prompt or the negative prompt has more characters than are read.' },
  unknown_model: { kind: 'InvalidArgument', explains: 'There is no such model on this server; `GET /platformModels` lists them.' },
  unknown_style: { kind: 'InvalidArgument', explains: 'There is no such preset style.' },
  invalid_dimensions: {
    kind: 'InvalidArgument',
    explains: 'Width or height are out of the range of the model, or no multiple of 8 pixels.',
  },
  too_many_images: { kind: 'InvalidArgument', explains: 'One job makes 1 to 8 pictures, fewer of large ones.' },
  invalid_steps: { kind: 'InvalidArgument', explains: 'The number of steps is out of the range of the model.' },
  invalid_guidance_scale: { kind: 'InvalidArgument', explains: 'The guidance scale is out of its range.' },
  invalid_seed: { kind: 'InvalidArgument', explains: 'The seed is no whole number of its range.' },
  invalid_init_strength: { kind: 'InvalidArgument', explains: 'The strength of the init image is not from 0 to 1.' },
  invalid_placement: { kind: 'InvalidArgument', explains: 'The init image would lie outside of the picture, or be too small in it.' },
  invalid_init_image: {
    kind: 'InvalidArgument',
    explains: 'The account has no picture with the id of the init image, or it cannot be used.',
  },
  invalid_mask: { kind: 'InvalidArgument', explains: 'The account has no picture with the id of the mask, or it cannot be used.' },
  invalid_guidance: {
    kind: 'InvalidArgument',
    explains: 'The account has no picture with the id of one that should guide, or it cannot be used.',
  },
  unsupported_size: {
    kind: 'InvalidArgument',
    explains: 'The model does not make pictures of this size: `tessera.sideMultiple` of a model says what its sides are multiples of.',
  },
  unsupported_steps: { kind: 'InvalidArgument', explains: 'The model does not run with this number of steps.' },
  unsupported_init_image: { kind: 'InvalidArgument', explains: 'The model cannot start from a picture.' },
  unsupported_mask: {
    kind: 'InvalidArgument',
    explains:
      'The model keeps no part of a picture, neither by a mask nor by a placement; `tessera.supportsInpaint` of a model says whether it does.',
  },
  unsupported_edit: {
    kind: 'InvalidArgument',
    explains: 'The model does not change pictures by an instruction, or not with what else was sent.',
  },
  unsupported_scheduler: { kind: 'InvalidArgument', explains: 'The model has no scheduler by this name.' },
  init_image_required: { kind: 'InvalidArgument', explains: 'The model only changes pictures: the request needs an init image.' },
  unsupported_background_removal: { kind: 'InvalidArgument', explains: 'The model cannot tell a thing from its background.' },
  unsupported_upscaling: { kind: 'InvalidArgument', explains: 'The engine cannot enlarge pictures.' },
  invalid_operation: {
    kind: 'InvalidArgument',
    explains: 'What is done with a picture is one thing, of those that there are, and takes nothing that is for painting.',
  },
  invalid_upscale: {
    kind: 'InvalidArgument',
    explains: 'A picture grows by more than 1 and at most 8 times, by a factor or to a size of its own proportions.',
  },
  too_many_megapixels: {
    kind: 'InvalidArgument',
    explains: 'The picture would have more than 20 megapixels, or a side of more than 16,383 pixels.',
  },
  unsupported_guidance: {
    kind: 'InvalidArgument',
    explains: 'The model takes no guidance of this kind; `tessera.guidanceKinds` of a model lists what it takes.',
  },
  unsupported_adapters: { kind: 'InvalidArgument', explains: 'The model takes no adapters.' },
  unsupported_training: { kind: 'InvalidArgument', explains: 'The model cannot be trained.' },
  unknown_guidance: { kind: 'InvalidArgument', explains: 'There is no such kind of guidance.' },
  invalid_guidance_strength: { kind: 'InvalidArgument', explains: 'The strength of guidance is not from 0 to 1.' },
  too_many_guides: { kind: 'InvalidArgument', explains: 'More pictures should guide than can.' },
  guidance_repeated: {
    kind: 'InvalidArgument',
    explains: 'Two pictures of one kind should guide; only of the kind `character` there may be several.',
  },
  unknown_subject: { kind: 'InvalidArgument', explains: 'The prompt does not name the subject that a character picture should stand for.' },
  empty_character: { kind: 'InvalidArgument', explains: 'The picture of the character shows nothing.' },
  character_not_cut_out: {
    kind: 'InvalidArgument',
    explains: 'The picture of the character has no transparent background, and the model cannot cut it out.',
  },
  unknown_adapter: {
    kind: 'InvalidArgument',
    explains: 'The model has no adapter with this id; `tessera.adapterIds` of a model lists them.',
  },
  too_many_adapters: { kind: 'InvalidArgument', explains: 'More adapters should work together than can.' },
  invalid_adapter_weight: { kind: 'InvalidArgument', explains: 'The weight of an adapter is out of its range.' },
  foreign_adapter: { kind: 'InvalidArgument', explains: 'The adapter was made for another model.' },
  unreadable_adapter: { kind: 'InvalidArgument', explains: 'The file of the adapter is no safetensors file that can be read.' },
  unreadable_init_image: { kind: 'InvalidArgument', explains: 'The init image is not a whole PNG, JPEG or WebP of at most 40 megapixels.' },
  unreadable_mask: { kind: 'InvalidArgument', explains: 'The mask is not a whole PNG, JPEG or WebP of at most 40 megapixels.' },
  unreadable_guidance: {
    kind: 'InvalidArgument',
    explains: 'A picture that should guide is not a whole PNG, JPEG or WebP of at most 40 megapixels.',
  },
  unreadable_picture: { kind: 'InvalidArgument', explains: 'The picture is not a whole PNG, JPEG or WebP of at most 40 megapixels.' },
  mask_proportions: { kind: 'InvalidArgument', explains: 'The mask does not have the proportions of the init image.' },
  nothing_to_repaint: { kind: 'InvalidArgument', explains: 'The mask is black everywhere: white marks what is to be repainted.' },
  invalid_training: { kind: 'InvalidArgument', explains: 'A setting of the training is out of its range.' },
  no_models: { kind: 'Unavailable', explains: 'No model is loaded on the server yet.' },
  broken_model: { kind: 'Internal', explains: 'The files of the model cannot be loaded; the log of the server says why.' },
  engine_busy: { kind: 'ResourceExhausted', explains: 'The engine has as many calls waiting as it takes on.' },
  engine_unavailable: { kind: 'Unavailable', explains: 'The engine that runs the models does not answer, or restarts.' },
  adapter_absent: {
    kind: 'Unavailable',
    explains: 'The engine does not hold the bytes of an adapter yet; the worker sends them and asks again.',
  },
  painting_failed: { kind: 'Internal', explains: 'The engine could not make the picture; its log says why.' },
  painting_cancelled: { kind: 'Cancelled', explains: 'The work was stopped before the picture was finished.' },
  invalid_character: {
    kind: 'InvalidArgument',
    explains: 'A character needs a name and two to five different pictures of the account, and a word for it needs a character.',
  },
  unknown_character: { kind: 'NotFound', explains: 'The account has no character with this id.' },
  too_many_characters: {
    kind: 'FailedPrecondition',
    explains: 'The account has as many characters as an account may have; delete one first.',
  },
  similarity_failed: {
    kind: 'Internal',
    explains: 'A picture could not be compared with the references of its character; the log says why.',
  },
  trainer_unavailable: { kind: 'Unavailable', explains: 'The process that trains has ended before it was done.' },
  training_failed: { kind: 'Internal', explains: 'The adapter could not be trained; the log says why.' },
  training_diverged: {
    kind: 'FailedPrecondition',
    explains:
      'The loss of the training is no number any more, mostly because of too high a learning rate. The last checkpoint is from before that.',
  },
  unreadable_checkpoint: { kind: 'InvalidArgument', explains: 'The checkpoint is not one of a training, or not a whole one.' },
  foreign_checkpoint: {
    kind: 'InvalidArgument',
    explains: 'The checkpoint is of another training, or of another version of the model, and what follows would not be what was begun.',
  },
  training_cancelled: { kind: 'Cancelled', explains: 'The training was stopped.' },
  diffusers_missing: {
    kind: 'Unavailable',
    repeat: false,
    explains: 'The model is a diffusers pipeline, and the inference server lacks the packages for it.',
  },
  model_version_mismatch: {
    kind: 'Unavailable',
    repeat: false,
    explains: 'The inference server holds another version of the model than the worker.',
  },
  unknown_task: {
    kind: 'InvalidArgument',
    explains: 'The inference server does not know this kind of work: it is older or newer than the worker.',
  },
} as const satisfies Record<string, ReasonEntry>;
