import type { z } from 'zod';
import { closestName } from '@tessera/platform/closest-name.js';
import { invalidArgument, type ReasonOf } from '@tessera/platform/errors.js';
import { invalidField, missingField, unknownField } from '../../errors.js';
import { wellFormed } from './text.js';

/** A name of a megabyte is echoed by its beginning only. */
const echoCharsMax = 80;

/** The parsed input, or the first thing that is wrong with it, named by its path. */
export function validate<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (!issue) throw invalidField('The input is not valid.', '');
  const param = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const name = shortened(issue.keys[0] ?? '');
    throw unknownField(name, pathText([...issue.path, name]), closestName(name, namesAt(schema, issue.path)));
  }
  const found = valueAt(input, issue.path);
  if (found === undefined && issue.path.length > 0) throw missingField(param);
  if (issue.code === 'invalid_type')
    throw invalidField(
      `Expected ${articled(issue.expected)} for ${param === '' ? 'the body' : `"${param}"`}, but found ${nameOfType(found)}.`,
      param,
    );
  const sentence = `${param === '' ? '' : `"${param}": `}${issue.message}.`;
  const reason = isOutOfRange(issue.code) ? rangeReasons[String(issue.path.at(-1))] : undefined;
  throw reason === undefined ? invalidField(sentence, param) : invalidArgument(reason, sentence, { param });
}

/** The reasons that the generation service gives for the same fields: a client sees one name for one mistake, whoever notices it first. */
const rangeReasons: Readonly<Record<string, ReasonOf<'InvalidArgument'>>> = {
  width: 'invalid_dimensions',
  height: 'invalid_dimensions',
  imageWidth: 'invalid_dimensions',
  imageHeight: 'invalid_dimensions',
  num_images: 'too_many_images',
  numImages: 'too_many_images',
  n: 'too_many_images',
  num_inference_steps: 'invalid_steps',
  inferenceSteps: 'invalid_steps',
  guidance_scale: 'invalid_guidance_scale',
  seed: 'invalid_seed',
  init_strength: 'invalid_init_strength',
  caption: 'caption_too_long',
};

const isOutOfRange = (code: string): boolean => code === 'too_small' || code === 'too_big' || code === 'not_multiple_of';

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`),
    '',
  );

const shortened = (name: string): string => wellFormed(name.length > echoCharsMax ? `${name.slice(0, echoCharsMax)}…` : name);

const articled = (type: string): string => (type === 'int' ? 'a whole number' : /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`);

function nameOfType(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : articled(typeof value);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** Property names that the schema knows at a path, through optional and nullable wrappers. */
function namesAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const key of [...path, undefined]) {
    at = unwrapped(at);
    if (key === undefined) break;
    at = typeof key === 'number' ? (at as { element?: unknown }).element : (at as { shape?: Record<PropertyKey, unknown> }).shape?.[key];
  }
  return Object.keys((at as { shape?: object } | undefined)?.shape ?? {});
}

function unwrapped(schema: unknown): unknown {
  let at = schema;
  while (typeof at === 'object' && at !== null && 'unwrap' in at && typeof at.unwrap === 'function') at = at.unwrap() as unknown;
  return at;
}
