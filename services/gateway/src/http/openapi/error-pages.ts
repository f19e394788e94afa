import type { Reason } from '@tessera/platform/errors.js';
import { factsOf, pageOf, reasonChapters } from '@tessera/platform/errors/reasons.js';
import { escape, htmlPage } from './html.js';

const chapters = Object.entries(reasonChapters).map(([title, entries]) => ({ title, reasons: Object.keys(entries) as Reason[] }));

/** The reasons of all refusals, a chapter each for what they are about. */
export function errorsPage(): string {
  const rows = (reasons: readonly Reason[]): string =>
    reasons
      .map(
        (reason) =>
          `<tr><td><a href="${pageOf(reason)}"><code>${reason}</code></a></td><td>${factsOf(reason).http}</td><td>${escape(factsOf(reason).explains)}</td></tr>`,
      )
      .join('');
  const sections = chapters.map(
    ({ title, reasons }) => `<h2>${escape(title)}</h2><table><tr><th>Reason</th><th>Status</th><th></th></tr>${rows(reasons)}</table>`,
  );
  return htmlPage('Errors', `<p><a href="/docs#errors">The API</a></p><h1>Errors</h1>${sections.join('\n')}`);
}

/** What one reason means; `reason` is one of the registry. */
export function errorPage(reason: Reason): string {
  const { explains, http, grpc, retryable } = factsOf(reason);
  const chapter = chapters.find(({ reasons }) => reasons.includes(reason))?.title ?? '';
  return htmlPage(
    reason,
    `<p><a href="/docs/errors">All errors</a> · ${escape(chapter)}</p><h1><code>${reason}</code></h1><p>${escape(explains)}</p>
<table><tr><th>HTTP status</th><td>${http}</td></tr><tr><th>gRPC code</th><td>${grpc}</td></tr><tr><th>Does a repeat help?</th><td>${repeatSentence(retryable)}</td></tr></table>
<p>REST names it in <code>type</code> of the body (routes under <code>/v1</code>: in <code>error.code</code>), gRPC in the <code>google.rpc.ErrorInfo</code> of the status details, a job that ended so in its <code>failureReason</code>.</p>`,
  );
}

const repeatSentence = (retryable: boolean): string =>
  retryable
    ? 'The very same call may succeed later; after <code>Retry-After</code>, where it is sent.'
    : 'Not until something has changed.';
