import { existsSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { addressesOf } from '@tessera/host/peers.js';
import { factsOf, peerNames, serviceNames, type ServiceName } from '@tessera/host/services.js';
import { configFromEnvironment } from '@tessera/platform/config.js';
import { scalingTarget } from '@tessera/service-jobs/scaling/scaling-target.js';
import {
  environmentOf,
  containersOf,
  namespace,
  ofKind,
  ownContainers,
  render,
  repository,
  selects,
  variantNames,
  workloadsOf,
  type Container,
  type Manifest,
  type Variant,
  type PodSpec,
  template,
  variants,
} from './chart.js';

const rendered = new Map<Variant, Manifest[]>();
beforeAll(async () => {
  for (const variant of variantNames) rendered.set(variant, await render(variant));
});
const manifestsOf = (variant: Variant) => rendered.get(variant)!;

/** Of the right form, and nobody's. */
const madeUp: Record<string, string> = {
  TESSERA_MONGO_URL: 'mongodb://mongodb:27017/tessera?replicaSet=rs0',
  TESSERA_REDIS_URL: 'redis://redis:6379',
};
const secretValue = (variable: string) => madeUp[variable] ?? 'a-made-up-secret-value-of-some-length';
const settingsOf = (variant: Variant, container: Container) => environmentOf(manifestsOf(variant), container, secretValue);

/** Read by Node, by the C library and by the SDK of OpenTelemetry, and told to the worker by Kubernetes. */
const readByOthers = (name: string) => /^(NODE_OPTIONS|MALLOC_ARENA_MAX|POD_NAME|POD_NAMESPACE|OTEL_[A-Z_]+)$/.test(name);

/** The names that the product's settings look for. */
function readNames(): Set<string> {
  const read = new Set<string>();
  const env = new Proxy<NodeJS.ProcessEnv>({}, { get: (_, name) => (read.add(String(name)), undefined) });
  configFromEnvironment(env);
  return read;
}

describe.each(variantNames)('the processes of the chart with %s values', (variant) => {
  it('are the services of this repository', () => {
    const programs = ownContainers(manifestsOf(variant)).map(({ container }) => container.args![0]!);
    expect(new Set(programs)).toEqual(new Set(serviceNames.map((service) => `services/${service}/dist/main.js`)));
    for (const program of programs)
      expect({ program, exists: existsSync(path.join(repository, program)) }).toEqual({ program, exists: true });
  });

  it('are told nothing that they do not read', () => {
    const read = readNames();
    for (const { workload, container } of ownContainers(manifestsOf(variant))) {
      const unread = Object.keys(settingsOf(variant, container)).filter((name) => !read.has(name) && !readByOthers(name) && name !== 'TZ');
      expect({ process: workload.name, unread }).toEqual({ process: workload.name, unread: [] });
    }
  });

  it('start with what they are told', () => {
    for (const { container } of ownContainers(manifestsOf(variant))) {
      const config = configFromEnvironment(settingsOf(variant, container));
      // Who knows no store is told of no profile that needs them.
      expect(config).toMatchObject({
        profile: factsOf(container.name as ServiceName).uses.includes('documents') ? 'cluster' : 'single',
        httpHost: '0.0.0.0',
        grpcHost: '0.0.0.0',
      });
      const ports = new Map(container.ports!.map(({ name, containerPort }) => [name, containerPort]));
      const listening = { http: config.httpPort, grpc: config.grpcPort, health: config.healthPort };
      for (const [name, port] of ports) expect({ name, port }).toEqual({ name, port: listening[name as keyof typeof listening] });
    }
  });

  it('find their peers behind services whose pods serve them', () => {
    const { container } = ownContainers(manifestsOf(variant))[0]!;
    const { peers } = configFromEnvironment(settingsOf(variant, container));
    expect(Object.keys(peers).sort()).toEqual([...peerNames].sort());
    expect(addressesOf(peers).size).toBeGreaterThan(peerNames.length);
    for (const [peer, address] of Object.entries(peers)) {
      const [host, port] = address.split(':');
      const service = ofKind(manifestsOf(variant), 'Service').find(({ metadata }) => `${metadata.name}.${namespace}.svc` === host)!;
      expect(service.spec.ports).toEqual([expect.objectContaining({ name: 'grpc', port: Number(port) })]);
      const [pod] = workloadsOf(manifestsOf(variant)).filter(({ labels }) => selects(service.spec.selector, labels));
      expect(pod!.labels['app.kubernetes.io/component']).toBe(peer);
      expect(pod!.pod.containers[0]!.ports).toContainEqual({ name: 'grpc', containerPort: Number(port) });
    }
  });

  it('are asked for their health at a port that they have', () => {
    for (const workload of workloadsOf(manifestsOf(variant))) {
      for (const container of containersOf(workload)) {
        for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
          const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port;
          if (port !== undefined) expect(container.ports!.map(({ name }) => name)).toContain(port);
        }
      }
    }
    for (const { container } of ownContainers(manifestsOf(variant))) {
      expect(container.livenessProbe).toMatchObject({ httpGet: { path: '/healthz', port: 'health' } });
      expect(container.readinessProbe).toMatchObject({ httpGet: { path: '/readyz', port: 'health' } });
    }
  });

  it('get their secrets by reference', () => {
    const secret = /MONGO_URL|PASSWORD|REDIS_URL|SECRET|ACCESS_KEY|API_KEY|HEADERS/;
    // What a process would mint for itself, each of them another, and lose with its pod.
    const gateway = ownContainers(manifestsOf(variant)).find(({ container }) => container.name === 'gateway')!;
    for (const name of ['TESSERA_API_KEY', 'TESSERA_SECRETS_KEY'])
      expect(gateway.container.env).toContainEqual({ name, valueFrom: { secretKeyRef: expect.anything() } });
    for (const { container } of ownContainers(manifestsOf(variant))) {
      const given = container.env!.filter(({ name }) => secret.test(name));
      const { uses } = factsOf(container.name as ServiceName);
      const ofStores = [
        ...(uses.includes('documents') ? ['TESSERA_MONGO_URL'] : []),
        ...(uses.includes('cache') ? ['TESSERA_REDIS_URL'] : []),
        ...(uses.includes('objects') && variant !== 'managed' ? ['TESSERA_S3_ACCESS_KEY_ID', 'TESSERA_S3_SECRET_ACCESS_KEY'] : []),
        ...(uses.includes('events') && (variant === 'managed' || variant === 'full') ? ['TESSERA_KAFKA_PASSWORD'] : []),
      ];
      expect(given.map(({ name }) => name).filter((name) => /MONGO|REDIS|S3|KAFKA/.test(name))).toEqual(ofStores);
      for (const { value, valueFrom } of given)
        expect({ value, name: valueFrom?.secretKeyRef?.name }).toEqual({ value: undefined, name: expect.any(String) });
    }
    const shared = ofKind(manifestsOf(variant), 'ConfigMap').flatMap(({ data }) => Object.keys(data ?? {}));
    expect(shared.filter((name) => secret.test(name))).toEqual([]);
    expect(ofKind(manifestsOf(variant), 'Secret').map(({ metadata }) => metadata.name)).toEqual(
      variant === 'dev' ? ['try-tessera-dev'] : [],
    );
  });

  it('may speak along these lines and no others', () => {
    expect(flows(manifestsOf(variant))).toEqual(
      serviceNames.flatMap((name) => factsOf(name).calls.map((called) => `${name} -> ${called}`)).sort(),
    );
  });
});

describe('what a process needs outside', () => {
  const egressOf = (variant: Variant, component: string) =>
    ofKind(manifestsOf(variant), 'NetworkPolicy')
      .find(({ metadata }) => metadata.name.endsWith(`-${component}`))!
      .spec.egress.filter(({ to }: { to?: { podSelector?: object }[] }) => !to?.some(({ podSelector }) => podSelector));

  it('is reached at the ports that its settings name', () => {
    const ports = egressOf('full', 'storage').flatMap((rule: { ports: { port: number }[] }) => rule.ports.map(({ port }) => port));
    expect(ports).toEqual([27017, 9093, 9000, 4318]);
  });

  it('is, for a bucket by a role, also whoever hands out its credentials', () => {
    const ports = egressOf('managed', 'storage').flatMap((rule: { ports: { port: number }[] }) => rule.ports.map(({ port }) => port));
    expect(ports).toEqual([27017, 9096, 443, 443]);
  });

  it('is for a worker nothing but the cluster itself, and a collector', () => {
    expect(egressOf('least', 'worker')).toEqual([{ ports: [{ port: 443 }, { port: 6443 }] }]);
    expect(egressOf('full', 'worker')).toEqual([{ ports: [{ port: 4318 }] }, { ports: [{ port: 443 }, { port: 6443 }] }]);
  });

  it('is for the gateway the public internet, and private addresses only where webhooks may go there', () => {
    const blocks = (variant: Variant) => JSON.stringify(egressOf(variant, 'gateway').at(-1));
    expect(blocks('least')).toContain('"cidr":"0.0.0.0/0","except":["10.0.0.0/8"');
    expect(blocks('full')).not.toContain('except');
  });
});

describe('the brokers of Kafka', () => {
  const services = (variant: Variant) =>
    ownContainers(manifestsOf(variant)).filter(({ container }) => factsOf(container.name as ServiceName).uses.includes('events'));

  it('are spoken to as the values say', () => {
    for (const [variant, settings] of [
      ['least', undefined],
      ['managed', { tls: {}, sasl: { mechanism: 'scram-sha-512' } }],
      ['full', { tls: { client: {} }, sasl: { mechanism: 'scram-sha-512', username: 'tessera' } }],
    ] as const) {
      for (const { container } of services(variant)) {
        const { kafka } = configFromEnvironment(settingsOf(variant, container));
        if (settings === undefined) expect(kafka).toBeUndefined();
        else expect(kafka).toMatchObject(settings);
      }
    }
  });

  it('have their certificates where the processes look for them', () => {
    for (const { workload, container } of services('full')) {
      const mounted = container.volumeMounts!.flatMap(
        ({ name, mountPath }) =>
          workload.pod
            .volumes!.find((volume) => volume.name === name)!
            .secret?.items.map(({ key, path: file }) => [`${mountPath}/${file}`, key]) ?? [],
      );
      const files = Object.entries(settingsOf('full', container))
        .filter(([name]) => /^TESSERA_KAFKA_\w+_FILE$/.test(name))
        .map(([, file]) => file);
      expect(Object.fromEntries(mounted)).toEqual({ [files[0]!]: 'ca.crt', [files[1]!]: 'user.crt', [files[2]!]: 'user.key' });
    }
  });
});

describe('a role for the bucket', () => {
  it('is that of the storage service alone, the only one that reaches it', () => {
    const roles = ofKind(manifestsOf('managed'), 'ServiceAccount').map(({ metadata }) => [
      metadata.name,
      metadata.annotations?.['eks.amazonaws.com/role-arn'],
    ]);
    const role = 'arn:aws:iam::123456789012:role/tessera';
    expect(Object.fromEntries(roles)).toEqual(
      Object.fromEntries(serviceNames.map((name) => [`try-tessera-${name}`, name === 'storage' ? role : undefined])),
    );
    for (const { workload } of ownContainers(manifestsOf('managed')))
      expect(roles.map(([name]) => name)).toContain(workload.pod.serviceAccountName);
  });

  it('stands in for a key, and Amazon for a server', () => {
    const { container } = ownContainers(manifestsOf('managed')).find(({ container: { name } }) => name === 'storage')!;
    expect(configFromEnvironment(settingsOf('managed', container)).s3).toEqual({ region: 'eu-central-1', bucket: 'tessera-pictures' });
  });
});

describe('a worker', () => {
  it('may finish its longest job before it is ended', () => {
    for (const { workload, container } of ownContainers(manifestsOf('full')).filter(
      ({ workload }) => workload.labels['app.kubernetes.io/component'] === 'worker',
    )) {
      const drainSeconds = Number(settingsOf('full', container)['TESSERA_DRAIN_SECONDS']);
      expect(workload.pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(drainSeconds + 30);
    }
  });

  it('outlives no Triton of its own: a sidecar starts before it and ends after it', () => {
    const workers = workloadsOf(manifestsOf('full')).filter(({ labels }) => labels['app.kubernetes.io/component'] === 'worker');
    const sidecars = workers.map(
      ({ name, pod }) =>
        [
          name,
          (pod.initContainers ?? []).filter(({ name: container }) => container === 'triton').map(({ restartPolicy }) => restartPolicy),
        ] as const,
    );
    expect(Object.fromEntries(sidecars)).toEqual({
      'try-studio-worker-cpu': [],
      'try-studio-worker-default': ['Always'],
      'try-studio-worker-large': ['Always'],
    });
    for (const { container } of ownContainers(manifestsOf('least')).filter(
      ({ workload }) => workload.labels['app.kubernetes.io/component'] === 'worker',
    )) {
      const port = Number(new URL(settingsOf('least', container)['TESSERA_TRITON_URL']!).port);
      const [worker] = workloadsOf(manifestsOf('least')).filter(({ labels }) => labels['app.kubernetes.io/component'] === 'worker');
      expect(worker!.pod.initContainers![0]!.ports).toContainEqual({ name: 'triton-grpc', containerPort: port });
    }
  });

  it('in front of a server of its own reads the manifests that generation offers, and calls nothing outside its pod for it', () => {
    const [worker] = workloadsOf(manifestsOf('served')).filter(({ name }) => name.endsWith('worker-qwen-image'));
    expect(worker!.pod.initContainers).toMatchObject([{ name: 'vllm-omni', restartPolicy: 'Always' }]);
    const mountsOf = (pod: PodSpec) =>
      pod.containers[0]!.volumeMounts!.map(({ mountPath }) => mountPath).filter((mountPath) => mountPath.startsWith('/models/'));
    expect(mountsOf(worker!.pod)).toEqual(['/models/mosaic/manifest.json', '/models/qwen-image/manifest.json']);
    const [offers] = workloadsOf(manifestsOf('served')).filter(({ labels }) => labels['app.kubernetes.io/component'] === 'generation');
    expect(mountsOf(offers!.pod)).toEqual(mountsOf(worker!.pod));
  });

  it('calls servers elsewhere only where the policy says so', async () => {
    const rendered = await template(...variants.served, '--set', 'networkPolicy.servers.ports={8443}');
    expect(rendered).toContain('port: 8443');
    expect(await template(...variants.served)).not.toContain('port: 8443');
  });

  it('may change pods, and nothing else of the cluster', () => {
    for (const variant of variantNames) {
      expect(ofKind(manifestsOf(variant), 'Role', 'ClusterRole').map((role) => (role as unknown as { rules: object }).rules)).toEqual([
        [{ apiGroups: [''], resources: ['pods'], verbs: ['patch'] }],
      ]);
      const [binding] = ofKind(manifestsOf(variant), 'RoleBinding') as unknown as { subjects: { name: string }[] }[];
      const accounts = ownContainers(manifestsOf(variant)).filter(
        ({ workload }) => workload.pod.serviceAccountName === binding!.subjects[0]!.name,
      );
      expect(new Set(accounts.map(({ container }) => container.name))).toEqual(new Set(['worker']));
    }
  });
});

describe('KEDA', () => {
  it('asks the queue at its address, with metadata that the queue accepts', () => {
    const service = ofKind(manifestsOf('full'), 'Service').find(({ metadata }) => metadata.name === 'try-studio-jobs')!;
    const jobs = ownContainers(manifestsOf('full')).find(({ container }) => container.name === 'jobs')!;
    const pools = ['default', ...Object.values(configFromEnvironment(settingsOf('full', jobs.container)).modelPools)];
    for (const { spec } of ofKind(manifestsOf('full'), 'ScaledObject')) {
      const [{ type, metadata }] = spec.triggers;
      expect(type).toBe('external-push');
      expect(metadata.scalerAddress).toBe(`${service.metadata.name}.${namespace}.svc:${service.spec.ports[0].port}`);
      expect(scalingTarget(metadata, pools)).toMatchObject({ pool: metadata.pool, backlogSecondsPerWorker: expect.any(Number) });
    }
  });

  it('may reach it from its own namespace where it scales something', () => {
    const from = (variant: Variant) =>
      JSON.stringify(ofKind(manifestsOf(variant), 'NetworkPolicy').find(({ metadata }) => metadata.name.endsWith('-jobs'))!.spec.ingress);
    expect(from('full')).toContain('"kubernetes.io/metadata.name":"keda"');
    expect(from('least')).not.toContain('keda');
  });
});

/** Pairs of components of which the first may call the second: both policies must allow it, at the same port. */
function flows(manifests: readonly Manifest[]): string[] {
  const policies = ofKind(manifests, 'NetworkPolicy').map(({ spec }) => spec);
  const pods = ownContainers(manifests).map(({ workload, container }) => ({ labels: workload.labels, ports: container.ports ?? [] }));
  const of = (labels: Record<string, string>) => policies.filter(({ podSelector }) => selects(podSelector.matchLabels, labels));
  const names = (peers: readonly any[] | undefined, labels: Record<string, string>) =>
    peers?.some(({ podSelector }) => podSelector && selects(podSelector.matchLabels, labels)) ?? false;
  const found = pods.flatMap((from) =>
    pods.flatMap((to) =>
      to.ports.flatMap(({ name, containerPort }) => {
        const mayLeave = of(from.labels as never).some(({ egress = [] }) =>
          egress.some((rule: any) => names(rule.to, to.labels as never) && rule.ports.some(({ port }: any) => port === containerPort)),
        );
        const mayEnter = of(to.labels as never).some(({ ingress = [] }) =>
          ingress.some((rule: any) => names(rule.from, from.labels as never) && rule.ports.some(({ port }: any) => port === name)),
        );
        return mayLeave && mayEnter ? [`${from.labels['app.kubernetes.io/component']} -> ${to.labels['app.kubernetes.io/component']}`] : [];
      }),
    ),
  );
  return [...new Set(found)].sort();
}
