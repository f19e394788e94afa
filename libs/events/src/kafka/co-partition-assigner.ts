import kafkajs from 'kafkajs';

const { AssignerProtocol } = kafkajs;

/**
 * Gives a partition number to the same member in every topic: a key's events of all types then meet in one process, whose lanes keep their handlers from overlapping.
 * The round robin that comes with the client deals partitions of different topics to different members.
 */
export const coPartitionAssigner: kafkajs.PartitionAssigner = ({ cluster }) => ({
  name: 'tessera-co-partition',
  version: 1,
  async assign({ members, topics }) {
    const sorted = members.map(({ memberId }) => memberId).sort();
    return sorted.map((memberId, at) => {
      const mine = topics.map(
        (topic) =>
          [
            topic,
            cluster
              .findTopicPartitionMetadata(topic)
              .map(({ partitionId }) => partitionId)
              .filter((id) => id % sorted.length === at),
          ] as const,
      );
      return {
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment: Object.fromEntries(mine),
          userData: Buffer.alloc(0),
        }),
      };
    });
  },
  protocol({ topics }) {
    return {
      name: 'tessera-co-partition',
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }),
    };
  },
});
