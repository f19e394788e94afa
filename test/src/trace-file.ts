import { readFile } from 'node:fs/promises';

type Attribute = { readonly key: string; readonly value: Readonly<Record<string, string | number | boolean>> };
type WireSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events?: readonly { readonly name: string }[];
};
type Line = {
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
};

export type TraceSpan = Omit<WireSpan, 'attributes'> & {
  /** The service of the process that recorded it. */ readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
};

/** One step of a job's way: a span by name, the name of the span that it must stand below, and what else tells it from its like. */
export type Hop = {
  readonly name: string;
  readonly below?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly service?: string;
};

const attributesOf = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

/** All spans of a file of OTLP JSON lines, whichever process wrote them. */
export async function readSpans(file: string): Promise<TraceSpan[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.flatMap((line) =>
    ((JSON.parse(line) as Line).resourceSpans ?? []).flatMap(({ resource, scopeSpans }) => {
      const service = String(attributesOf(resource.attributes)['service.name']);
      return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service, attributes: attributesOf(span.attributes) })));
    }),
  );
}

/** What is wrong with a trace, in words: steps that are missing or stand elsewhere, spans whose parent is not there, more than one beginning, effects before their causes. Ends with the trace itself, if there is anything. */
export function complaintsAbout(spans: readonly TraceSpan[], hops: readonly Hop[]): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const parentOf = (span: TraceSpan) => byId.get(span.parentSpanId ?? '');
  const isHop = (span: TraceSpan, { name, below, attributes = {}, service }: Hop) =>
    span.name === name &&
    (below === undefined || parentOf(span)?.name === below) &&
    (service === undefined || span.service === service) &&
    Object.entries(attributes).every(([key, value]) => span.attributes[key] === value);
  const missing = hops.filter((hop) => !spans.some((span) => isHop(span, hop))).map((hop) => `no ${JSON.stringify(hop)}`);
  const orphans = spans
    .filter((span) => span.parentSpanId && !byId.has(span.parentSpanId))
    .map(({ name }) => `${name} has a parent that is not there`);
  const roots = spans.filter((span) => !span.parentSpanId).map(({ name }) => name);
  const early = spans
    .filter((span) => BigInt(span.startTimeUnixNano) + clockGrainNs < BigInt(parentOf(span)?.startTimeUnixNano ?? 0))
    .map((span) => `${span.name} begins before ${parentOf(span)?.name}`);
  const complaints = [
    ...missing,
    ...orphans,
    ...(roots.length === 1 ? [] : [`it begins with ${roots.join(' and ') || 'nothing'}`]),
    ...early,
  ];
  return complaints.length === 0 ? [] : [...complaints, traceText(spans)];
}

/** Times that are stored are whole milliseconds, and processes set their clocks by the machine's to within one. */
const clockGrainNs = 2_000_000n;

/** The trace as an indented text, for a person. */
export function traceText(spans: readonly TraceSpan[]): string {
  const inOrder = [...spans].sort((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)));
  const line = (span: TraceSpan) =>
    `${span.name} (${span.service}, ${(Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6).toFixed(1)} ms)`;
  const below = (span: TraceSpan, depth: number): string[] => [
    `${'  '.repeat(depth)}${line(span)}`,
    ...inOrder.filter(({ parentSpanId }) => parentSpanId === span.spanId).flatMap((child) => below(child, depth + 1)),
  ];
  return inOrder
    .filter(({ parentSpanId }) => !parentSpanId)
    .flatMap((root) => below(root, 0))
    .join('\n');
}
