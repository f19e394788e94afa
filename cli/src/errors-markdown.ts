import type { Reason } from '@tessera/platform/errors.js';
import { factsOf, reasonChapters } from '@tessera/platform/errors/reasons.js';

/** gRPC's names of its codes (https://grpc.io/docs/guides/status-codes/). */
const grpcNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

const introduction = `# Errors

Made by \`./tessera errors\` from the registry in \`libs/platform/src/errors\`; do not edit.

Every refusal names one of these reasons: REST in \`type\` (routes under \`/v1\`: in \`error.code\`), gRPC in \`google.rpc.ErrorInfo\` (upper case there; \`metadata.type\` as here), a job that ended so in its \`failureReason\`.
The server has a page for each: \`/docs/errors/<reason>\`. "Repeat" says whether the very same call may succeed later.
`;

/** `docs/errors.md`, whole. */
export const errorsMarkdown = (): string =>
  [introduction, ...Object.entries(reasonChapters).map(([title, entries]) => chapter(title, Object.keys(entries) as Reason[]))].join('\n');

function chapter(title: string, reasons: readonly Reason[]): string {
  const rows = reasons.map((reason) => {
    const { http, grpc, retryable, explains } = factsOf(reason);
    return `| \`${reason}\` | ${http} | ${grpcNames[grpc] ?? grpc} | ${retryable ? 'yes' : 'no'} | ${explains.replaceAll('|', '\\|')} |`;
  });
  return [`## ${title}`, '', '| reason | HTTP | gRPC | repeat | what it means |', '| --- | --- | --- | --- | --- |', ...rows, ''].join(
    '\n',
  );
}
