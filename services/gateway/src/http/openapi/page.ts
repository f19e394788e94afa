import { escape, htmlPage } from './html.js';
import { exampleId, operations, type Operation } from './operations.js';

type Node = Record<string, unknown>;

/** The API description for people: one page, nothing from elsewhere, no script. */
export function docsPage(document: Node): string {
  const { info, paths } = document as { info: { description: string }; paths: Record<string, Record<string, Node>> };
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  const sections = tags.map(
    (tag) =>
      `<h2 id="${anchor(tag)}">${escape(tag)}</h2>${operations
        .filter((operation) => operation.tag === tag)
        .map((operation) => section(operation, paths[operation.path]?.[operation.method] ?? {}))
        .join('')}`,
  );
  return htmlPage(
    'Tessera API',
    `<h1>Tessera API</h1><p>${escape(info.description)}</p><nav>${tags.map((tag) => `<a href="#${anchor(tag)}">${escape(tag)}</a>`).join('')}<a href="#errors">Errors</a><a href="/openapi.json">openapi.json</a></nav>
<p>Send <code>Authorization: Bearer &lt;key&gt;</code> with every call. The examples expect the server's address (say <code>http://localhost:8420</code>) in <code>TESSERA_URL</code> and the key in <code>TESSERA_API_KEY</code>.</p>
${sections.join('\n')}${errorSection}`,
  );
}

function section(operation: Operation, described: Node): string {
  const { parameters = [], requestBody } = described as {
    parameters?: { name: string; in: string; description?: string }[];
    requestBody?: { content: { 'application/json': { schema: Node } } };
  };
  const properties = Object.entries((requestBody?.content['application/json'].schema['properties'] ?? {}) as Record<string, Node>);
  const rows = [
    ...parameters.map(({ name, in: place, description = '' }) => [name, place, description]),
    ...properties.map(([name, schema]) => [name, typeOf(schema), String(schema['description'] ?? '')]),
  ];
  const table =
    rows.length === 0
      ? ''
      : `<details><summary>Parameters</summary><table>${rows.map(([name = '', type = '', text = '']) => `<tr><td><code>${escape(name)}</code></td><td>${escape(type)}</td><td>${escape(text)}</td></tr>`).join('')}</table></details>`;
  return `<h3 id="${operation.id}"><span class="verb">${operation.method.toUpperCase()}</span> <code>${escape(operation.path)}</code></h3><p>${escape(operation.summary)}</p><pre>${escape(curlOf(operation))}</pre>${table}`;
}

function curlOf({ method, path, example, isPublic, contentType }: Operation): string {
  const parts = [
    `curl${contentType === 'text/event-stream' ? ' -N' : ''}${method === 'get' ? '' : ` -X ${method.toUpperCase()}`} "$TESSERA_URL${path
      .replace('{memberId}', 'ann')
      .replace('{paymentId}', 'invoice-2026-0042')
      .replace('{provider}', 'stripe')
      .replace('{reason}', 'insufficient_tokens')
      .replaceAll(/\{\w+\}/g, exampleId)}"`,
  ];
  if (!isPublic) parts.push('-H "Authorization: Bearer $TESSERA_API_KEY"');
  if (example) parts.push('-H "Content-Type: application/json"', `-d '${JSON.stringify(example)}'`);
  return parts.join(' \\\n  ');
}

function typeOf(schema: Node): string {
  const variants = (schema['anyOf'] as Node[] | undefined)?.filter((variant) => variant['type'] !== 'null');
  if (variants?.[0]) return typeOf(variants[0]);
  return Array.isArray(schema['enum'])
    ? `one of ${schema['enum'].length}: ${schema['enum'].slice(0, 4).join(', ')}${schema['enum'].length > 4 ? ', …' : ''}`
    : String(schema['type'] ?? 'any');
}

const errorSection = `<h2 id="errors">Errors</h2><p>Every refusal is JSON: <code>{"error", "path", "code", "type", "param", "doc", "requestId"}</code>. <code>error</code> is a sentence for a person, <code>type</code> is stable and for programs
(<a href="/docs/errors">all of them</a>; <code>doc</code> leads to its page), <code>param</code> names the field. <code>requestId</code> is also in the header <code>x-request-id</code> and in the log. Routes under <code>/v1</code> answer in OpenAI's shape. 429 and 503 may be repeated; <code>Retry-After</code> says when.</p>`;

const anchor = (text: string): string => text.toLowerCase().replaceAll(/\W+/g, '-');
