import { z } from 'zod';
import { responses } from '../schemas/responses.js';
import { operations, requestHeaders, type Operation } from './operations.js';

type Json = Record<string, unknown>;

const errorSentences: Readonly<Record<number, string>> = {
  400: 'The request is wrong; `param` names the field.',
  401: 'No key, or a wrong one.',
  402: 'Tokens, the plan or a cap do not allow it.',
  403: 'The key may not do this.',
  404: 'There is no such thing, or it is not yours.',
  409: 'The state of the thing does not allow it, or the idempotency key was used with another request.',
  413: 'The body is larger than the server takes.',
  415: 'The body is not JSON.',
  422: 'The price list has nothing of the kind.',
  429: 'Too many requests or jobs; come back after `Retry-After`.',
  500: 'Something went wrong on our side, or the job failed.',
  503: 'A part of the server does not answer; the same call may succeed later.',
  504: 'The wait is over and the job goes on; the message names it.',
};

/** OpenAPI 3.1 from the very schemas that validate. */
export function openApiDocument(serverUrl: string): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Tessera',
      version: '1',
      description:
        "Run your own Leonardo.Ai: pictures from words, paid for from a token economy. Leonardo's SDKs work against this server with another base URL.",
    },
    servers: [{ url: serverUrl }],
    security: [{ key: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key, `Authorization: Bearer <key>`.' } },
      schemas: { Error: schemaOf(responses.error), OpenAiError: schemaOf(responses.openAiError) },
    },
  };
}

/** Path parameters that are no UUIDs of ours. */
const freePathNames: ReadonlySet<string> = new Set(['digest', 'memberId', 'paymentId', 'provider', 'reason']);

function describe(operation: Operation): Json {
  const { id, tag, summary, body, query, headers = [], isPublic } = operation;
  const pathNames = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const parameters = [
    ...pathNames.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string', ...(freePathNames.has(name ?? '') ? {} : { format: 'uuid' }) },
    })),
    ...(query ? queryParameters(query) : []),
    ...headers.map((name) => ({ name, in: 'header', description: requestHeaders[name], schema: { type: 'string' } })),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(isPublic ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body
      ? {
          requestBody: {
            required: true,
            content: {
              'application/json': { schema: schemaOf(body, 'input'), ...(operation.example ? { example: operation.example } : {}) },
            },
          },
        }
      : {}),
    responses: { 200: answerOf(operation), ...errorsOf(operation) },
  };
}

function queryParameters(query: z.ZodObject): Json[] {
  const { properties = {} } = schemaOf(query, 'input') as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    ...(description ? { description } : {}),
    schema: Object.keys(schema).some((key) => key !== 'default') ? schema : { type: 'integer', ...schema },
  }));
}

function answerOf({ answer, contentType, summary }: Operation): Json {
  if (answer) return { description: summary, content: { 'application/json': { schema: schemaOf(answer) } } };
  return {
    description: summary,
    content: { [contentType ?? 'application/json']: { schema: { type: contentType === 'application/json' ? 'object' : 'string' } } },
  };
}

function errorsOf({ path, body, isPublic, errors = [] }: Operation): Json {
  if (path === '/readyz')
    return { 503: { description: 'Not ready.', content: { 'application/json': { schema: schemaOf(responses.readiness) } } } };
  const statuses = [...(isPublic ? [] : [400, 401, 403, 429, 503]), ...(body ? [413, 415] : []), ...errors].sort((a, b) => a - b);
  const name = path.startsWith('/v1/') ? 'OpenAiError' : 'Error';
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: errorSentences[status], content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } } },
    ]),
  );
}

/** Inlined: a reader sees a whole body in one place, and no reference points into a schema's own `$defs`. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output'): Json {
  const named = z.globalRegistry.get(schema)?.id;
  const { $schema: _, $defs, id: __, ...rest } = z.toJSONSchema(schema, { io, reused: 'inline', unrepresentable: 'any' }) as Json;
  return { ...inlined(rest, ($defs ?? {}) as Record<string, Json>), ...(named ? { title: named } : {}) };
}

function inlined(node: unknown, defs: Record<string, Json>): Json {
  return walk(node) as Json;
  function walk(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    const { $ref, id: _, ...rest } = value as Json;
    const target = typeof $ref === 'string' ? defs[$ref.replace('#/$defs/', '')] : undefined;
    if (target) return { ...(walk(target) as Json), ...rest };
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, walk(child)]));
  }
}
