import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

export const repository = fileURLToPath(new URL('../../', import.meta.url));
export const chartFolder = path.join(repository, 'deploy/helm/tessera');

type Labels = Readonly<Record<string, string>>;
type Probe = {
  readonly httpGet?: { readonly port: string | number; readonly path: string };
  readonly tcpSocket?: { readonly port: string | number };
};
export type Container = {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
  }[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string } }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly restartPolicy?: string;
  readonly resources?: { readonly requests?: object; readonly limits?: Readonly<Record<string, unknown>> };
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
} & Partial<Record<'startupProbe' | 'livenessProbe' | 'readinessProbe', Probe>>;
export type PodSpec = {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly terminationGracePeriodSeconds?: number;
  readonly automountServiceAccountToken?: boolean;
  readonly serviceAccountName?: string;
  readonly volumes?: readonly {
    readonly name: string;
    readonly secret?: { readonly secretName: string; readonly items: readonly { readonly key: string; readonly path: string }[] };
  }[];
};
/** An object of the rendered chart, as far as the checks read it. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels; readonly annotations?: Labels };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: any;
};
export type Workload = { readonly name: string; readonly labels: Labels; readonly pod: PodSpec };

const run = promisify(execFile);
/** A rendered chart and the complaints about it fit easily. */
const outputBytesMax = 16 * 1024 * 1024;

const tool = (variable: string): string => {
  const program = process.env[variable];
  if (!program) throw new Error(`${variable} is unset: these checks run with ./tessera test`);
  return program;
};

export const helm = async (...args: readonly string[]): Promise<string> =>
  (await run(tool('TESSERA_TEST_HELM'), args, { maxBuffer: outputBytesMax })).stdout;
export const validate = (...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
  run(tool('TESSERA_TEST_KUBERNETES_VALIDATE'), args, { maxBuffer: outputBytesMax });

const least = [
  '--set',
  'secrets.apiKey.existingSecret=owner,secrets.sealing.existingSecret=owner,secrets.mongodb.existingSecret=stores,secrets.redis.existingSecret=stores,secrets.s3.existingSecret=s3',
  '--set',
  'kafka.brokers={kafka:9092},s3.endpoint=https://s3.example.com,s3.bucket=pictures',
];

/** The ways in which the chart is checked: the least that must be said, everything brought along, every switch on, a role and no server of S3, a server of models beside its workers. */
export const variants = {
  least,
  dev: ['--values', path.join(chartFolder, 'values-dev.yaml')],
  full: ['--values', path.join(chartFolder, 'ci/full-values.yaml')],
  managed: ['--values', path.join(chartFolder, 'ci/managed-values.yaml')],
  served: [...least, '--values', path.join(chartFolder, 'values-vllm-omni.yaml')],
} as const;
export type Variant = keyof typeof variants;
export const variantNames = Object.keys(variants) as Variant[];

/** The namespace that everything is rendered for. */
export const namespace = 'studio';

export const template = (...args: readonly string[]): Promise<string> =>
  helm('template', 'try', chartFolder, '--namespace', namespace, ...args);
export const render = async (variant: Variant): Promise<Manifest[]> =>
  parseAllDocuments(await template(...variants[variant]))
    .map((document) => document.toJS({ maxAliasCount: 0 }) as Manifest | null)
    .filter((manifest) => manifest !== null);

export const ofKind = (manifests: readonly Manifest[], ...kinds: readonly string[]): Manifest[] =>
  manifests.filter(({ kind }) => kinds.includes(kind));

export const workloadsOf = (manifests: readonly Manifest[]): Workload[] =>
  ofKind(manifests, 'Deployment', 'StatefulSet', 'Pod').map(({ kind, metadata, spec }) =>
    kind === 'Pod'
      ? { name: metadata.name, labels: metadata.labels ?? {}, pod: spec }
      : { name: metadata.name, labels: spec.template.metadata.labels, pod: spec.template.spec },
  );

/** Those that run our image, where they do: not Triton, not the servers of the dev values. */
export const ownContainers = (manifests: readonly Manifest[]): { workload: Workload; container: Container }[] =>
  workloadsOf(manifests).flatMap((workload) =>
    workload.pod.containers.filter(({ args }) => args?.[0]?.startsWith('services/')).map((container) => ({ workload, container })),
  );

export const containersOf = ({ pod }: Workload): readonly Container[] => [...(pod.initContainers ?? []), ...pod.containers];

export const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

/** What a process finds in its environment: the ConfigMap, then its own variables; a secret's value is made up. */
export function environmentOf(
  manifests: readonly Manifest[],
  { env = [], envFrom = [] }: Container,
  secretValue: (variable: string) => string,
): Record<string, string> {
  const shared = envFrom.flatMap(({ configMapRef }) =>
    Object.entries(ofKind(manifests, 'ConfigMap').find(({ metadata }) => metadata.name === configMapRef?.name)?.data ?? {}),
  );
  const own = env.map(({ name, value, valueFrom }) => [name, valueFrom?.secretKeyRef ? secretValue(name) : (value ?? '')] as const);
  return Object.fromEntries([...shared, ...own]);
}
