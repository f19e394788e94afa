import { setTimeout as pause } from 'node:timers/promises';
import { failedPrecondition } from '@tessera/platform/errors.js';
import kafkajs from 'kafkajs';
import { brokerError } from './broker-failures.js';

/** Bounds how many processes of one group can share its work. Keys move to other partitions when it changes, so it is chosen generously once. */
const partitionsPerTopic = 12;
/** A group that rests for longer than this misses events: far more than any outage, and small records. */
const keptMs = 30 * 24 * 3_600_000;
/** -1: what the broker has as its default. */
const brokerDefault = -1;
/** A busy broker takes its time to host a new topic: half a minute, as a start may take that long elsewhere. */
const attemptsMax = 100;
const attemptEveryMs = 300;
/** Characters that a topic's name may have; the rest of it is a protobuf type. */
const installationName = /^[a-zA-Z0-9_-]{1,64}$/;

export const topicOf = (installation: string, type: string): string => `${installation}.${type}`;

/** Throws FailedPrecondition `invalid_installation`. */
export function checkInstallation(installation: string): void {
  if (!installationName.test(installation))
    throw failedPrecondition(
      'invalid_installation',
      `Topics are named after the database, and "${installation}" is no name for a topic; call the database in mongoUrl something like "tessera".`,
    );
}

/**
 * Makes the topics that are missing and checks those that are there.
 * Throws FailedPrecondition `topic_missing` | `topic_unsuitable`, Unavailable `broker_unavailable`.
 */
export async function ensureTopics(admin: kafkajs.Admin, topics: readonly string[]): Promise<void> {
  if (topics.length === 0) return;
  try {
    await createMissing(admin, topics);
    await checkCleanup(admin, topics);
  } catch (error) {
    throw brokerError(error);
  }
}

/** Services that start together create the same topics, and a broker lists a new one a little late: so it is asked again before it counts as a refusal. */
async function createMissing(admin: kafkajs.Admin, topics: readonly string[]): Promise<void> {
  let refusal = 'the broker gives no reason';
  for (let attempt = 1; ; attempt++) {
    const there = new Set(await admin.listTopics());
    const missing = topics.filter((topic) => !there.has(topic));
    if (missing.length === 0) return;
    if (attempt > attemptsMax)
      throw failedPrecondition(
        'topic_missing',
        `Topics are missing and could not be made (${refusal}): ${missing.join(', ')}. Create them with ${partitionsPerTopic} partitions, or allow us to.`,
      );
    if (attempt > 1) await pause(attemptEveryMs);
    // One by one: the client gives up on all of a request when one of them is there already.
    for (const topic of missing)
      await admin.createTopics({ topics: [definition(topic)], waitForLeaders: true }).catch((error: Error) => (refusal = error.message));
  }
}

const definition = (topic: string): kafkajs.ITopicConfig => ({
  topic,
  numPartitions: partitionsPerTopic,
  replicationFactor: brokerDefault,
  configEntries: [
    { name: 'retention.ms', value: String(keptMs) },
    { name: 'cleanup.policy', value: 'delete' },
  ],
});

async function checkCleanup(admin: kafkajs.Admin, topics: readonly string[]): Promise<void> {
  const resources = topics.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: ['cleanup.policy'] }));
  const described = await admin.describeConfigs({ includeSynonyms: false, resources });
  for (const { resourceName, configEntries } of described.resources) {
    const policy = configEntries.find(({ configName }) => configName === 'cleanup.policy')?.configValue;
    if (policy?.includes('compact'))
      throw failedPrecondition(
        'topic_unsuitable',
        `The topic ${resourceName} is compacted, which drops events: set its cleanup.policy to delete.`,
      );
  }
}
