/** Share of the GPUs that a lane gets while all are backlogged: 8/13, 4/13 and 1/13. No lane can be starved, so the relaxed head's wait is bounded. */
export const laneWeights = { priority: 8, fast: 4, relaxed: 1 } as const;

export type Lane = keyof typeof laneWeights;

export const lanes = Object.keys(laneWeights) as readonly Lane[];

/** A lane that this queue does not know is served as the slowest one: never refused, never favoured. */
export const laneNamed = (name: string): Lane => lanes.find((lane) => lane === name) ?? 'relaxed';
