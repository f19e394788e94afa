import { setTimeout as pause } from 'node:timers/promises';
import kafkajs, { type Admin } from 'kafkajs';

/** The partitions of a topic have no leader yet for some moments after it was made, and again while one moves. */
const attemptsMax = 10;
const attemptEveryMs = 100;

export type Place = {
  readonly topic: string;
  readonly partition: number;
  /** Offset behind the newest record. */
  readonly end: number;
  /** Everything before it is handled. */
  readonly position: number;
  /** Records that are not handled yet. */
  readonly lag: number;
};

type Progress = { readonly next: number; readonly position: number; readonly unhandled: number };

/** How a group stands in its topics. */
export async function readLag(...asked: Parameters<typeof read>): Promise<Place[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read(...asked);
    } catch (error) {
      const mayPass = error instanceof kafkajs.KafkaJSError && error.retriable;
      if (!mayPass || attempt >= attemptsMax) throw error;
      await pause(attemptEveryMs);
    }
  }
}

/** This process's own progress is newer than what is committed, and knows what was handled out of order. */
async function read(
  admin: Admin,
  groupId: string,
  topics: readonly string[],
  progressOf: (place: { topic: string; partition: number }) => Progress | undefined,
): Promise<Place[]> {
  const existing = new Set(await admin.listTopics());
  const there = topics.filter((topic) => existing.has(topic));
  if (there.length === 0) return [];
  const committed = new Map(
    (await admin.fetchOffsets({ groupId, topics: there })).flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)] as const),
    ),
  );
  const places: Place[] = [];
  for (const topic of there) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const end = Number(high);
      const progress = progressOf({ topic, partition });
      // -1: the group has committed nothing yet, and begins with what is there.
      const position = progress?.position ?? Math.max(Number(low), committed.get(`${topic}/${partition}`) ?? -1);
      places.push({
        topic,
        partition,
        end,
        position,
        lag: progress === undefined ? end - position : progress.unhandled + Math.max(0, end - progress.next),
      });
    }
  }
  return places;
}
