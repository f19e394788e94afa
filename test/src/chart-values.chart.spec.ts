import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { chartFolder, template, variants } from './chart.js';

/** `a.b.c` of everything that can be set; lists and maps that are empty count as one. */
function valuePaths(values: Record<string, unknown>, prefix = ''): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const at = `${prefix}${name}`;
    const isTree = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    return isTree ? valuePaths(value as Record<string, unknown>, `${at}.`) : [at];
  });
}

describe('the values of the chart', () => {
  it('are all described in its README', async () => {
    const values = parse(await readFile(path.join(chartFolder, 'values.yaml'), 'utf8')) as Record<string, unknown>;
    const readme = await readFile(path.join(chartFolder, 'README.md'), 'utf8');
    // A row may stand for a whole tree, such as resources.
    const described = new Set([...readme.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name!));
    const isDescribed = (at: string) => at.split('.').some((_, depth, parts) => described.has(parts.slice(0, depth + 1).join('.')));
    expect(valuePaths(values).filter((at) => !isDescribed(at))).toEqual([]);
    const known = valuePaths(values);
    expect([...described].filter((name) => !known.some((at) => at === name || at.startsWith(`${name}.`)))).toEqual([]);
  });

  const refused: [string, string, string][] = [
    ['a misspelt name', 'gateway.replica=2', "'replica' not allowed"],
    ['a password in place of a reference', 'secrets.mongodb.url=mongodb://a:b@c', "'url' not allowed"],
    ['an engine that does not exist', 'workers.pools.default.engine=cuda', 'engine'],
    ['a digest that is none', 'image.digest=sha256:abc', 'digest'],
    ['a broker without a port', 'kafka.brokers={kafka}', 'kafka/brokers'],
    ['a name of a pool that no object can have', 'workers.pools.Big_One.replicas=1', 'Big_One'],
    [
      'fewer workers at most than at least',
      'workers.defaults.autoscaling.enabled=true,workers.defaults.autoscaling.minReplicas=9',
      'minReplicas is above maxReplicas',
    ],
    ['models in a claim that is not named', 'workers.defaults.models.source=claim', 'set models.existingClaim'],
    ['manifests that are not named', 'workers.defaults.models.source=manifests', 'set models.manifests.existingConfigMap'],
    ['models from an image that is not named', 'workers.defaults.models.source=init', 'set models.init.image'],
    ['an ingress without a host', 'ingress.enabled=true', 'Set ingress.host'],
    ['a mechanism of Kafka without a user', 'kafka.sasl.mechanism=plain', 'Set kafka.sasl.existingSecret'],
    ['a user of Kafka without a mechanism', 'kafka.sasl.existingSecret=kafka', 'Set kafka.sasl.mechanism'],
    ['a mechanism of Kafka that is unknown', 'kafka.sasl.mechanism=gssapi', 'kafka/sasl/mechanism'],
    ['certificates for brokers that are not named', 'kafka.brokers=null,kafka.tls.enabled=true', 'Set kafka.brokers: kafka.tls'],
    ['a key as well as a role', 's3.role.enabled=true', 'Set secrets.s3.existingSecret or s3.role.enabled'],
    ['annotations of a role that is off', 's3.role.annotations.a=b', 'Set s3.role.enabled as well'],
    [
      'annotations of a role without accounts',
      'secrets.s3.existingSecret=,s3.role.enabled=true,s3.role.annotations.a=b,serviceAccounts.create=false',
      'Set serviceAccounts.create',
    ],
    ['a bucket without a name', 's3.bucket=', 'Set s3.bucket'],
    ['a variable that a value of its own sets', 'telemetry.variables.OTEL_TRACES_SAMPLER=always_on', 'OTEL_TRACES_SAMPLER'],
    ['a variable that is not of telemetry', 'telemetry.variables.TESSERA_DATA=/tmp', 'TESSERA_DATA'],
    ['a route without a gateway', 'httpRoute.enabled=true', 'Set httpRoute.parentRefs'],
  ];
  it.each(refused)('are refused with a sentence: %s', async (_, setting, words) => {
    await expect(template(...variants.least, '--set', setting)).rejects.toMatchObject({ stderr: expect.stringContaining(words) });
  });

  it.each(['secrets.apiKey', 'secrets.sealing', 'secrets.mongodb', 'secrets.redis', 'secrets.s3'])(
    'are refused without %s, with a sentence that says what to do',
    async (name) => {
      await expect(template(...variants.least, '--set', `${name}.existingSecret=`)).rejects.toMatchObject({
        stderr: expect.stringContaining(`Set ${name}.existingSecret to a Secret`),
      });
    },
  );

  it('hand on any other variable of OpenTelemetry', async () => {
    expect(await template(...variants.least, '--set', 'telemetry.variables.OTEL_PROPAGATORS=b3')).toContain('OTEL_PROPAGATORS: "b3"');
  });

  it('say nothing at all: then the first thing that is missing is named', async () => {
    await expect(template()).rejects.toMatchObject({
      stderr: expect.stringMatching(/Set \S+ to .*; or try Tessera with -f values-dev\.yaml/),
    });
  });
});
