import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client } from './client.js';
import { newDataDir, profiles, removeDataDir, type Running } from './profiles.js';

const file = (name: string) => readFile(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');

/** Only there where an outbox is relayed to a broker. */
const clusterOnly = new Set(['tessera_outbox_waiting']);

const parts: Record<string, readonly string[]> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
  counter: ['_total'],
  gauge: [''],
};
const namesIn = (text: string): string[] => [...new Set(text.match(/\b(?:tessera|process|nodejs)_[a-z0-9_]+\b/g) ?? [])];

/** Every series name of an OpenMetrics page, with the labels that its series have. */
function seriesOf(page: string): Map<string, Set<string>> {
  const series = new Map<string, Set<string>>();
  for (const [, name = '', type = ''] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm))
    for (const suffix of parts[type] ?? []) series.set(`${name}${suffix}`, new Set());
  for (const [, name = '', labels = ''] of page.matchAll(/^([a-z_0-9]+)\{([^}]*)\}/gm))
    for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) series.get(name)?.add(label);
  return series;
}

type Dashboard = {
  id?: unknown;
  uid?: unknown;
  templating: { list: { name: string; type: string }[] };
  panels: {
    type: string;
    title: string;
    id?: unknown;
    datasource?: { uid: string };
    targets?: { expr: string; datasource: { uid: string } }[];
    gridPos: { x: number; y: number; w: number; h: number };
  }[];
};

describe('what watches an installation', () => {
  let server: Running;
  let series: Map<string, Set<string>>;
  let dashboard: Dashboard;
  let rules = '';
  let runbook = '';

  beforeAll(async () => {
    [dashboard, rules, runbook] = [
      JSON.parse(await file('deploy/grafana/tessera.json')) as Dashboard,
      await file('deploy/grafana/tessera.rules.yaml'),
      await file('docs/operate.md'),
    ];
    server = await profiles['one process']!({ dataDir: await newDataDir() });
    const client = new Client(server);
    const id = await client.create({ prompt: 'apple', width: 512, height: 512 });
    await client.finished(id);
    await client.bill(id);
    await client.call('GET', '/api/rest/v1/generations/nothing');
    series = seriesOf(await (await fetch(`${server.url}/metrics`)).text());
  }, 90_000);

  afterAll(async () => {
    await server.stop();
    await removeDataDir(server.dataDir);
  });

  const expressions = () => dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

  it('asks in the dashboard only for metrics that the product exports', () => {
    expect(namesIn(expressions().join(' ')).filter((name) => !series.has(name) && !clusterOnly.has(name))).toEqual([]);
  });

  it('asks in the alerts only for metrics that the product exports', () => {
    const asked = [...rules.matchAll(/^ +expr: (.+)$/gm)].map(([, expr = '']) => expr);
    expect(asked.length).toBeGreaterThan(0);
    expect(namesIn(asked.join(' ')).filter((name) => !series.has(name) && !clusterOnly.has(name))).toEqual([]);
  });

  it('selects and groups by labels that the series have, once there are any', () => {
    const everywhere = new Set(['le', 'instance']);
    const unknown = [...expressions(), rules].flatMap((text) =>
      [...text.matchAll(/((?:tessera|process|nodejs)_[a-z0-9_]+)\{([^}]*)\}/g)].flatMap(([, name = '', selector = '']) => {
        const labels = series.get(name);
        if (labels === undefined || labels.size === 0) return [];
        return [...selector.matchAll(/([a-z_]+)(?:=|!=)/g)]
          .map(([, label = '']) => label)
          .filter((label) => !labels.has(label) && !everywhere.has(label))
          .map((label) => `${name}{${label}}`);
      }),
    );
    expect(unknown).toEqual([]);
  });

  it('can be imported into any Grafana: no ids, and the data source is asked for', () => {
    expect([dashboard.id, dashboard.uid]).toEqual([undefined, undefined]);
    expect(dashboard.panels.filter(({ id }) => id !== undefined)).toEqual([]);
    expect(dashboard.templating.list.find(({ name }) => name === 'datasource')?.type).toBe('datasource');
    const sources = dashboard.panels.flatMap(({ datasource, targets = [] }) =>
      [datasource, ...targets.map((target) => target.datasource)].flatMap((source) => (source ? [source.uid] : [])),
    );
    expect(new Set(sources)).toEqual(new Set(['${datasource}']));
  });

  it('draws every panel inside the grid and over no other', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...dashboard.panels.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24);
  });

  it('has a section of the runbook for every alert, which its link leads to', () => {
    const alerts = [...rules.matchAll(/- alert: (\S+)/g)].map(([, name = '']) => name);
    const links = [...rules.matchAll(/runbook: docs\/operate\.md#(\S+)/g)].map(([, anchor]) => anchor);
    expect(links).toEqual(alerts.map((name) => name.toLowerCase()));
    expect(alerts.filter((name) => !runbook.includes(`\n### ${name}\n`))).toEqual([]);
    expect([...runbook.matchAll(/^### (Tessera\S+)$/gm)].map(([, name]) => name).sort()).toEqual([...alerts].sort());
  });
});
