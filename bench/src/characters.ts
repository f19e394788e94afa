import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openEngine } from '@tessera/inference/open-engine.js';
import { openSimilarity } from '@tessera/inference/open-similarity.js';
import { pino } from 'pino';
import { subjectsIn, type Subject } from './character-pictures.js';

/**
 * How well the bundled measure tells a character's pictures from those of others: ten things in five scenes each, every picture compared with the references of all ten.
 * `--tuning` measures the twelve others whose pictures its thresholds were found on.
 */

const { values } = parseArgs({
  options: { pictures: { type: 'string' }, tuning: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});

const sets = {
  // None of them is among the things that Mosaic was trained on.
  held: {
    names: ['elephant', 'koala', 'frog', 'octopus', 'pineapple', 'train', 'robot', 'astronaut', 'fox', 'teapot'],
    scenes: ['in a garden', 'in the desert', 'in the city at night', 'in a forest', 'on a stage'],
  },
  tuning: {
    names: ['penguin', 'dog', 'cow', 'tiger', 'rocket', 'house', 'snail', 'cactus', 'snowman', 'ghost', 'crab', 'mushroom'],
    scenes: ['in a meadow', 'on a beach at sunset', 'in the snow', 'in a kitchen'],
  },
};
const scores = ['head', 'colours', 'body', 'overall'] as const;
type Scores = Record<(typeof scores)[number], number>;

const set = values.tuning ? 'tuning' : 'held';
const folder = values.pictures ?? (await mkdtemp(path.join(os.tmpdir(), 'tessera-characters-')));
const engine = await openEngine({ engine: 'onnx', threads: 2, logger: pino({ level: 'silent' }) });
const subjects = await subjectsIn(engine, path.join(folder, set), sets[set].names, sets[set].scenes);
await engine.close();
const { same, others, perSubject, msPerPicture } = await measured(subjects);

const figures = scores.map((score) => {
  const [mine, theirs] = [same.map((each) => each[score]), others.map((each) => each[score])];
  return { score, auc: separation(mine, theirs), same: spread(mine), others: spread(theirs), ...atHalf(mine, theirs) };
});
if (values.json) process.stdout.write(`${JSON.stringify({ set, figures, perSubject, msPerPicture })}\n`);
else {
  const two = (value: number) => value.toFixed(2);
  const line = (cells: readonly string[]) => `${cells.map((cell, at) => cell.padEnd(at === 0 ? 12 : 24)).join('')}\n`;
  process.stdout.write(
    `${same.length} pictures of the same, ${others.length} comparisons with others; ${msPerPicture.toFixed(0)} ms each\n\n`,
  );
  process.stdout.write(line(['facet', 'AUC', 'same: 5, 50, 95 %', 'others: 5, 50, 95 %', 'at 0.5: same, others']));
  for (const { score, auc, same: mine, others: theirs, kept, taken } of figures)
    process.stdout.write(line([score, auc.toFixed(3), mine.map(two).join(' '), theirs.map(two).join(' '), `${two(kept)} ${two(taken)}`]));
  process.stdout.write(`\n${line(['reference', ...scores])}`);
  for (const { name, own, next } of perSubject)
    process.stdout.write(line([name, ...scores.map((score) => `${two(own[score])} (next ${two(next[score])})`)]));
}

/** Every picture against the references of every subject. */
async function measured(all: readonly Subject[]) {
  const similarity = await openSimilarity({ threads: 2, logger: pino({ level: 'silent' }) });
  if (!similarity) throw new Error('No bundled model measures.');
  const mine: Scores[] = [];
  const theirs: Scores[] = [];
  const rows: { name: string; own: Scores; next: Scores }[] = [];
  const startedMs = performance.now();
  for (const { name, references } of all) {
    const byOwner = new Map<string, Scores[]>();
    for (const { name: owner, scenes } of all) {
      const measures: Scores[] = [];
      for (const picture of scenes) {
        const { facets, overall } = await similarity.compare(references, picture);
        measures.push({ ...facets, overall });
      }
      (owner === name ? mine : theirs).push(...measures);
      byOwner.set(owner, measures);
    }
    const own = mean(byOwner.get(name) ?? []);
    const next = [...byOwner].filter(([owner]) => owner !== name).map(([, measures]) => mean(measures));
    rows.push({ name, own, next: next.toSorted((a, b) => b.overall - a.overall)[0] ?? own });
  }
  const msPer = (performance.now() - startedMs) / (mine.length + theirs.length);
  await similarity.close();
  return { same: mine, others: theirs, perSubject: rows, msPerPicture: msPer };
}

function mean(all: readonly Scores[]): Scores {
  const of = (score: keyof Scores) => all.reduce((sum, each) => sum + each[score], 0) / Math.max(1, all.length);
  return { head: of('head'), colours: of('colours'), body: of('body'), overall: of('overall') };
}

/** How often a picture of the same scores higher than one of another (area under the ROC curve). */
function separation(mine: readonly number[], theirs: readonly number[]): number {
  let won = 0;
  for (const own of mine) for (const other of theirs) won += own > other ? 1 : own === other ? 0.5 : 0;
  return won / (mine.length * theirs.length);
}

function spread(all: readonly number[]): number[] {
  const sorted = all.toSorted((a, b) => a - b);
  return [0.05, 0.5, 0.95].map((share) => sorted[Math.round(share * (sorted.length - 1))] ?? 0);
}

/** The shares of both kinds that reach the threshold of 0.5. */
function atHalf(mine: readonly number[], theirs: readonly number[]) {
  const reach = (all: readonly number[]) => all.filter((value) => value >= 0.5).length / all.length;
  return { kept: reach(mine), taken: reach(theirs) };
}
