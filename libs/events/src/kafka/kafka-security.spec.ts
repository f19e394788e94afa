import { describe, expect, it } from '@jest/globals';
import type { KafkaSettings } from '@tessera/platform/kafka-settings.js';
import { pino } from 'pino';
import { kafkaSecurity } from './kafka-security.js';

const user = { username: 'tessera', password: 'hidden' };

async function warningsAbout(settings: KafkaSettings): Promise<string> {
  const lines: string[] = [];
  await kafkaSecurity(settings, pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }));
  return lines.join('');
}

describe('a password for Kafka', () => {
  it('that would go over the network as it is causes a warning, which does not repeat it', async () => {
    const warnings = await warningsAbout({ sasl: { mechanism: 'plain', ...user } });
    expect(warnings).toContain('set TESSERA_KAFKA_TLS');
    expect(warnings).not.toContain('hidden');
  });

  it('that is encrypted, or never sent, causes none', async () => {
    expect(await warningsAbout({ tls: {}, sasl: { mechanism: 'plain', ...user } })).toBe('');
    expect(await warningsAbout({ sasl: { mechanism: 'scram-sha-512', ...user } })).toBe('');
  });
});
