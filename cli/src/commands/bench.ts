import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { CommandFailure, exitCodes } from '../failure.js';
import { repositoryRoot } from '../places.js';
import { table } from '../texts.js';

/** Each is a program of its own in `bench/src`. */
const benchmarks = new Map([
  ['jobs', 'image jobs through the whole path with an engine that answers at once: latency, throughput, commits and memory'],
  ['documents', 'durable commits a second, alone and grouped'],
  ['claims', 'what a claim costs with ten, 10,000 and a million queued jobs, on SQLite and MongoDB'],
  ['crash', 'kills the server again and again under acknowledged jobs, and counts what became of them'],
  ['fuzz', 'wrong requests of every kind: none may be answered with 500, untyped, or with a moved balance'],
  ['memory', 'what each process of the cluster profile takes in memory, and with --modules what it loads'],
  ['cluster', 'the same image jobs through one process and through the cluster profile, side by side; memory of each service'],
  ['faults', 'the cluster profile on real servers: kills, pauses and cuts each of its parts under jobs in flight, and counts'],
  ['characters', 'how well the bundled measure tells pictures of a character from those of others, by facet'],
  ['engine-overhead', 'what the engine `python` adds to the time of a pipeline, with one that sleeps'],
  ['ledger', 'holds and settlements a second on one account and on many'],
]);

const fileOf = (name: string) => path.join(repositoryRoot, 'bench/dist', `${name}.js`);

/** Runs one benchmark in a process of its own and hands its exit code on. */
export async function bench(name: string | undefined, rest: readonly string[]): Promise<number> {
  const present = [...benchmarks].filter(([benchmark]) => existsSync(fileOf(benchmark)));
  if (name === undefined) {
    process.stdout.write(
      `${table(present.map(([benchmark, purpose]) => [`  ${benchmark}`, purpose]))}\n\nRun one with \`tessera bench <name>\`; --json prints figures for machines.\n`,
    );
    return 0;
  }
  if (!present.some(([benchmark]) => benchmark === name)) {
    throw new CommandFailure(
      `There is no benchmark "${name}".`,
      exitCodes.refused,
      `There are: ${present.map(([benchmark]) => benchmark).join(', ')}.`,
    );
  }
  const child = spawn(process.execPath, [fileOf(name), ...rest], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? exitCodes.failed));
  });
}
