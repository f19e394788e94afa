import type { OpenClusterDocuments, OpenDocuments } from '@tessera/documents/open-documents.js';
import type { EventBus } from '@tessera/events/event-bus.js';
import type { HealthChecks } from '@tessera/platform/health.js';
import { collectProcessMetrics, counted, gauge } from '@tessera/platform/telemetry/metrics.js';

/** Metrics of every process, whichever ports it uses. */
export function observeProcess(health: HealthChecks): void {
  collectProcessMetrics();
  gauge(
    {
      name: 'tessera_health_check_ok',
      help: '1 when what the check of this name needs has answered, 0 when it has not.',
      labelNames: ['check'],
    },
    async (ok) => {
      for (const [check, outcome] of Object.entries(await health.check())) ok.set({ check }, outcome === 'ok' ? 1 : 0);
    },
  );
}

/** Figures that a process asks its ports for when it is scraped. A server that does not answer must not fail all other metrics: then the last value is reported, or NaN. */
export function observeStore(store: OpenDocuments | OpenClusterDocuments): void {
  counted({ name: 'tessera_store_commit_groups_total', help: 'Groups of commits written to the document store; each is one fsync.' }, () =>
    store.fsyncs(),
  );
  if ('outbox' in store) {
    const { outbox } = store;
    gauge(
      { name: 'tessera_outbox_waiting', help: 'Events of all services committed and not yet handed on to the broker.' },
      async (waiting) => waiting.set(await outbox.waiting().catch(() => Number.NaN)),
    );
  }
}

export function observeBus(bus: EventBus): void {
  gauge({ name: 'tessera_events_lag', help: 'Events committed and not yet handled.', labelNames: ['group'] }, async (lag) => {
    const lags = await bus.lag().catch(() => ({}));
    for (const [group, events] of Object.entries(lags)) lag.set({ group }, events);
  });
}
