import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openGateway, type OpenGateway } from '../../gateway.fixture.js';

type Node = Record<string, unknown>;

describe('the API description', () => {
  let gateway: OpenGateway;
  let document: { openapi: string; paths: Record<string, Record<string, Node>>; components: { schemas: Node } };
  beforeAll(async () => {
    gateway = await openGateway();
    document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as typeof document;
  });
  afterAll(() => gateway.close());

  it('describes every route of the server and no other; signed links are described where they are handed out', () => {
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    );
    const served = gateway.routes.filter((route) => !route.startsWith('HEAD') && !/ \/objects(\/|$)/.test(route));
    expect(described.sort()).toEqual([...new Set(served)].sort());
  });

  it('is OpenAPI 3.1 whose references all resolve', () => {
    expect(document.openapi).toBe('3.1.0');
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference);
    expect(references.length).toBeGreaterThan(0);
    for (const reference of references)
      expect(Object.keys(document.components.schemas)).toContain(reference?.replace('#/components/schemas/', ''));
  });

  it('gives every operation a unique id, its answer and its errors', () => {
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods)) as {
      operationId: string;
      security?: unknown[];
      responses: Node;
    }[];
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { responses, security } of operations)
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(security ? ['200'] : ['200', '400', '401', '429']));
  });

  it('takes its bodies from the schemas that validate', () => {
    const create = JSON.stringify(document.paths['/api/rest/v1/generations']?.['post']);
    expect(create).toContain('"negative_prompt"');
    expect(create).toContain('"additionalProperties":false');
  });

  it('is also a page that loads nothing from elsewhere', async () => {
    const answer = await fetch(`${gateway.url}/docs`);
    const html = await answer.text();
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(html).toContain('curl');
    expect(html).not.toMatch(/<(script|link|img)\b/);
  });

  it.each(['/', '/healthz', '/readyz', '/metrics'])('serves %s without a key', async (path) => {
    const answer = await fetch(`${gateway.url}${path}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await answer.text()).length).toBeGreaterThan(0);
  });

  it('names routes, not ids, in its metrics', async () => {
    await gateway.fetch('/api/rest/v1/generations/0199aaaa-0000-7000-8000-000000000000');
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toContain(
      'tessera_http_request_duration_seconds_count{method="GET",route="/api/rest/v1/generations/:id",status="404"}',
    );
    expect(metrics).not.toContain('0199aaaa');
  });
});
