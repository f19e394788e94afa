import { invalidArgument } from '@tessera/platform/errors.js';

/** Deeper nesting is a cycle or an attack, not a document. */
const depthMax = 64;
/** A document is read and rewritten whole; what is larger belongs into the object store. */
const documentCharsMax = 4 * 1024 * 1024;

const refuse = (path: string, what: string) =>
  invalidArgument('not_json', `A document may hold JSON values only, but ${path} is ${what}.`, { param: path });

/** Plain whichever realm it comes from: its prototype is null, or is one that has no prototype itself. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function checkNumber(value: number, path: string): void {
  if (!Number.isFinite(value)) throw refuse(path, String(value));
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw refuse(path, 'an integer of 2^53 or more');
}

function checkObject(value: object, path: string, depth: number): void {
  if (depth >= depthMax) throw refuse(path, `nested deeper than ${depthMax} levels, or contains itself`);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) check(value[index], path, depth + 1);
    return;
  }
  if (!isPlain(value)) throw refuse(path, `an instance of ${value.constructor?.name ?? 'a class'}`);
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    // An optional field that is absent is often written as `undefined`; JSON leaves it out, and so do we.
    if (member !== undefined) check(member, depth === 0 ? key : path, depth + 1);
  }
}

function check(value: unknown, path: string, depth: number): void {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return;
  if (typeof value === 'number') return checkNumber(value, path);
  if (typeof value === 'object') return checkObject(value, path, depth);
  throw refuse(path, value === undefined ? 'undefined' : `a ${typeof value}`);
}

/** The text of a document. Throws InvalidArgument `not_json` (with the top-level field as `param`) or `document_too_large`. */
export function toJson(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('the document', 'not an object');
  checkObject(value, 'the document', 0);
  const text = JSON.stringify(value);
  if (text.length > documentCharsMax)
    throw invalidArgument('document_too_large', `A document may have at most ${documentCharsMax} characters; this one has ${text.length}.`);
  return text;
}
