import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  chartFolder,
  containersOf,
  helm,
  namespace,
  ofKind,
  ownContainers,
  render,
  repository,
  selects,
  template,
  validate,
  variantNames,
  variants,
  workloadsOf,
  type Manifest,
  type Variant,
} from './chart.js';

/** The oldest that Chart.yaml allows, and the newest whose schemas we have. */
const kubernetesVersions = ['1.30', '1.37'];
/** Custom resources: their schemas do not come with Kubernetes. */
const customGroups = ['keda.sh/', 'monitoring.coreos.com/', 'gateway.networking.k8s.io/'];

const rendered = new Map<Variant, Manifest[]>();
beforeAll(async () => {
  for (const variant of variantNames) rendered.set(variant, await render(variant));
});
const manifestsOf = (variant: Variant) => rendered.get(variant)!;

describe.each(variantNames)('the chart with %s values', (variant) => {
  it('passes helm lint', async () => {
    await expect(helm('lint', chartFolder, '--strict', ...variants[variant])).resolves.toContain('0 chart(s) failed');
  });

  it('renders objects that Kubernetes knows, with no field that it does not', async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-chart-'));
    try {
      const file = path.join(folder, 'rendered.yaml');
      await writeFile(file, await template(...variants[variant]));
      for (const version of kubernetesVersions) {
        const { stdout, stderr } = await validate('--strict', '--quiet', '--kubernetes-version', version, file);
        const unknown = `${stdout}${stderr}`
          .split('\n')
          .filter((line) => line !== '' && !customGroups.some((group) => line.includes(`api version ${group}`)));
        expect(unknown).toEqual([]);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('gives every object a name of its own, in the namespace of the release', () => {
    const clusterWide = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'];
    const names = manifestsOf(variant).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { kind, metadata } of manifestsOf(variant)) {
      expect(metadata.name).toMatch(/^[a-z0-9][-a-z0-9.]{0,62}$/);
      expect(metadata.namespace).toBe(clusterWide.includes(kind) ? undefined : namespace);
    }
  });

  it('runs nothing as root, with privileges or without bounds', () => {
    for (const workload of workloadsOf(manifestsOf(variant))) {
      expect(workload.pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const { name, image, securityContext, resources } of containersOf(workload)) {
        const where = `${workload.name}/${name}`;
        expect({ where, ...securityContext }).toMatchObject({ where, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
        expect({ where, requests: Object.keys(resources?.requests ?? {}) }).toEqual({
          where,
          requests: expect.arrayContaining(['cpu', 'memory']),
        });
        expect({ where, memory: resources?.limits?.['memory'] }).toEqual({ where, memory: expect.any(String) });
        expect({ where, image }).toEqual({ where, image: expect.stringMatching(/^\S+(:(?!latest)\S+|@sha256:[0-9a-f]{64})$/) });
      }
    }
  });

  it('lets no process of ours write to its own image, nor speak to the cluster unless it is a worker', () => {
    for (const { workload, container } of ownContainers(manifestsOf(variant))) {
      expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true });
      expect(workload.pod.automountServiceAccountToken).toBe(workload.labels['app.kubernetes.io/component'] === 'worker');
    }
  });

  it('selects what is there', () => {
    const pods = workloadsOf(manifestsOf(variant)).map(({ labels }) => labels);
    for (const { kind, metadata, spec } of ofKind(
      manifestsOf(variant),
      'Service',
      'PodDisruptionBudget',
      'NetworkPolicy',
      'Deployment',
      'StatefulSet',
    )) {
      const selector =
        kind === 'Service' ? spec.selector : kind === 'NetworkPolicy' ? spec.podSelector.matchLabels : spec.selector.matchLabels;
      const found = pods.filter((labels) => selects(selector, labels)).length;
      expect({ object: `${kind} ${metadata.name}`, found: kind === 'NetworkPolicy' ? Math.min(found, 1) : found }).toEqual({
        object: `${kind} ${metadata.name}`,
        found: 1,
      });
    }
    const deployments = ofKind(manifestsOf(variant), 'Deployment').map(({ metadata }) => metadata.name);
    for (const { spec } of ofKind(manifestsOf(variant), 'HorizontalPodAutoscaler', 'ScaledObject'))
      expect(deployments).toContain(spec.scaleTargetRef.name);
  });
});

describe('custom resources', () => {
  it('have the shape that KEDA asks for', async () => {
    const schema = JSON.parse(await readFile(path.join(repository, 'test/keda-scaled-object.json'), 'utf8')) as Schema;
    const scaled = ofKind(manifestsOf('full'), 'ScaledObject');
    expect(scaled.map(({ metadata }) => metadata.name)).toEqual(['try-studio-worker-default', 'try-studio-worker-large']);
    for (const { apiVersion, spec } of scaled) {
      expect(apiVersion).toBe('keda.sh/v1alpha1');
      expect(complaints(schema, spec, 'spec')).toEqual([]);
    }
    expect(
      complaints(schema, { ...scaled[0]!.spec, minReplicas: 1, maxReplicaCount: '4', triggers: [{ type: 'external-push' }] }, 'spec'),
    ).toEqual(
      expect.arrayContaining(['spec.minReplicas: unknown', 'spec.maxReplicaCount: not an integer', 'spec.triggers.0.metadata: missing']),
    );
  });

  it('lead to the gateway, at ports that it has', () => {
    const service = ofKind(manifestsOf('full'), 'Service').find(({ metadata }) => metadata.name === 'try-studio-gateway')!;
    const ports = new Map<string, number>(service.spec.ports.map(({ name, port }: { name: string; port: number }) => [name, port]));
    const routes = ofKind(manifestsOf('full'), 'HTTPRoute', 'GRPCRoute').map(
      ({ kind, spec }) => [kind, spec.rules[0].backendRefs] as const,
    );
    expect(Object.fromEntries(routes)).toEqual({
      HTTPRoute: [{ name: 'try-studio-gateway', port: ports.get('http') }],
      GRPCRoute: [{ name: 'try-studio-gateway', port: ports.get('grpc') }],
    });
  });

  it('scrape the health port of every process of ours', () => {
    const [monitor] = ofKind(manifestsOf('full'), 'PodMonitor');
    expect(monitor!.spec.podMetricsEndpoints).toMatchObject([{ port: 'health', path: '/metrics' }]);
    const { matchLabels, matchExpressions } = monitor!.spec.selector;
    for (const { workload } of ownContainers(manifestsOf('full'))) {
      expect(selects(matchLabels, workload.labels)).toBe(true);
      expect(matchExpressions[0].values).toContain(workload.labels['app.kubernetes.io/component']);
    }
  });
});

type Schema = {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-int-or-string'?: true;
};

/** What a structural schema of Kubernetes has against a value; unknown fields count, which the cluster would drop in silence. */
function complaints(schema: Schema, value: unknown, at: string): string[] {
  if (schema['x-kubernetes-int-or-string'])
    return Number.isInteger(value) || typeof value === 'string' ? [] : [`${at}: not an integer or a string`];
  if (schema.type === 'integer') return Number.isInteger(value) ? [] : [`${at}: not an integer`];
  if (schema.type === 'array')
    return Array.isArray(value)
      ? value.flatMap((item, index) => complaints(schema.items ?? {}, item, `${at}.${index}`))
      : [`${at}: not a list`];
  if (schema.type !== 'object') return typeof value === schema.type ? [] : [`${at}: not a ${schema.type}`];
  if (typeof value !== 'object' || value === null) return [`${at}: not an object`];
  const missing = (schema.required ?? []).filter((name) => !(name in value)).map((name) => `${at}.${name}: missing`);
  const wrong = Object.entries(value).flatMap(([name, inner]) => {
    const known = schema.properties?.[name] ?? schema.additionalProperties;
    return known ? complaints(known, inner, `${at}.${name}`) : [`${at}.${name}: unknown`];
  });
  return [...missing, ...wrong];
}
