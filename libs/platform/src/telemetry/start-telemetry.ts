import type { Logger } from '../logger.js';
import type { TelemetrySettings } from './settings.js';
import type { Telemetry } from './telemetry.js';

/** Begins to export what the settings name; without settings nothing is loaded and nothing is recorded. `serviceName` yields to `OTEL_SERVICE_NAME`. */
export async function startTelemetry(settings: TelemetrySettings | undefined, serviceName: string, logger: Logger): Promise<Telemetry> {
  if (settings === undefined) return { close: async () => {} };
  const { exportTelemetry } = await import('./otel/export-telemetry.js');
  return exportTelemetry(settings, serviceName, logger);
}
