import { exampleId, operations, type Operation } from './operations.js';

type Node = Record<string, unknown>;

const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --soft: color-mix(in srgb, currentColor 6%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 2rem 1.2rem 6rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); } h3 { margin: 2rem 0 .3rem; font-size: 1.05rem; }
code, pre { font: 13.5px/1.5 ui-monospace, monospace; } pre { background: var(--soft); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto; }
.verb { display: inline-block; min-width: 4.2rem; font-weight: 700; } table { border-collapse: collapse; width: 100%; font-size: .93rem; }
td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); } nav a { margin-right: 1rem; } a { color: inherit; }
`;

/** The API description for people: one page, nothing from elsewhere, no script. */
export function docsPage(document: Node): string {
  const { info, paths } = document as { info: { description: string }; paths: Record<string, Record<string, Node>> };
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  const sections = tags.map((tag) => `<h2 id="${anchor(tag)}">${escape(tag)}</h2>${operations.filter((operation) => operation.tag === tag).map((operation) => section(operation, paths[operation.path]?.[operation.method] ?? {})).join('')}`);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Tessera API</title><style>${style}</style></head><body>
<h1>Tessera API</h1><p>${escape(info.description)}</p><nav>${tags.map((tag) => `<a href="#${anchor(tag)}">${escape(tag)}</a>`).join('')}<a href="#errors">Errors</a><a href="/openapi.json">openapi.json</a></nav>
<p>Send <code>Authorization: Bearer &lt;key&gt;</code> with every call. The examples expect the server's address (say <code>http://localhost:8420</code>) in <code>TESSERA_URL</code> and the key in <code>TESSERA_API_KEY</code>.</p>
${sections.join('\n')}${errorSection}</body></html>`;
}

function section(operation: Operation, described: Node): string {
  const { parameters = [], requestBody } = described as { parameters?: { name: string; in: string; description?: string }[]; requestBody?: { content: { 'application/json': { schema: Node } } } };
  const properties = Object.entries((requestBody?.content['application/json'].schema['properties'] ?? {}) as Record<string, Node>);
  const rows = [
    ...parameters.map(({ name, in: place, description = '' }) => [name, place, description]),
    ...properties.map(([name, schema]) => [name, typeOf(schema), String(schema['description'] ?? '')]),
  ];
  const table = rows.length === 0 ? '' : `<details><summary>Parameters</summary><table>${rows.map(([name = '', type = '', text = '']) => `<tr><td><code>${escape(name)}</code></td><td>${escape(type)}</td><td>${escape(text)}</td></tr>`).join('')}</table></details>`;
  return `<h3 id="${operation.id}"><span class="verb">${operation.method.toUpperCase()}</span> <code>${escape(operation.path)}</code></h3><p>${escape(operation.summary)}</p><pre>${escape(curlOf(operation))}</pre>${table}`;
}

function curlOf({ method, path, example, isPublic, contentType }: Operation): string {
  const parts = [`curl${contentType === 'text/event-stream' ? ' -N' : ''}${method === 'get' ? '' : ` -X ${method.toUpperCase()}`} "$TESSERA_URL${path.replace('{memberId}', 'ann').replace('{paymentId}', 'invoice-2026-0042').replace('{provider}', 'stripe').replaceAll(/\{\w+\}/g, exampleId)}"`];
  if (!isPublic) parts.push('-H "Authorization: Bearer $TESSERA_API_KEY"');
  if (example) parts.push('-H "Content-Type: application/json"', `-d '${JSON.stringify(example)}'`);
  return parts.join(' \\\n  ');
}

function typeOf(schema: Node): string {
  const variants = (schema['anyOf'] as Node[] | undefined)?.filter((variant) => variant['type'] !== 'null');
  if (variants?.[0]) return typeOf(variants[0]);
  return Array.isArray(schema['enum']) ? `one of ${schema['enum'].length}: ${schema['enum'].slice(0, 4).join(', ')}${schema['enum'].length > 4 ? ', …' : ''}` : String(schema['type'] ?? 'any');
}

const errorSection = `<h2 id="errors">Errors</h2><p>Every refusal is JSON: <code>{"error", "path", "code", "type", "param", "doc", "requestId"}</code>. <code>error</code> is a sentence for a person, <code>type</code> is stable and for programs,
<code>param</code> names the field. <code>requestId</code> is also in the header <code>x-request-id</code> and in the log. Routes under <code>/v1</code> answer in OpenAI's shape. 429 and 503 may be repeated; <code>Retry-After</code> says when.</p>`;

const anchor = (text: string): string => text.toLowerCase().replaceAll(/\W+/g, '-');

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
