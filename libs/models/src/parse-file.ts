import type { z } from 'zod';

/** Reads JSON by a schema; throws a sentence that names the file and the offending entry. */
export function parseFile<Schema extends z.ZodType>(expected: Schema, json: string, filePath: string): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new Error(`${filePath}: not JSON (${cause instanceof Error ? cause.message : String(cause)})`, { cause });
  }
  const parsed = expected.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${filePath}: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'invalid'}`);
}
