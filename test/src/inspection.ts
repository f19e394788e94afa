import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from './client.js';

/** Jobs looked at side by side: enough to keep the server busy, few enough to leave it room. */
const lookersMax = 8;

export type AcceptedJob = { readonly id: string; /** Wanted. */ readonly images: number };

export type Inspection = {
  readonly succeeded: number;
  readonly pictures: number;
  /** Sum over the jobs' bills. */
  readonly billedTokens: number;
  /** What must not be, in words. */
  readonly complaints: string[];
};

/** Waits for each job, opens its pictures, reads its bill. */
export async function inspectJobs(client: Client, jobs: readonly AcceptedJob[]): Promise<Inspection> {
  const complaints: string[] = [];
  let [succeeded, pictures, billedTokens] = [0, 0, 0];
  const look = async ({ id, images: wanted }: AcceptedJob) => {
    const generation = await client.finished(id);
    if (generation['status'] === 'COMPLETE') succeeded++;
    else complaints.push(`job ${id} ended as ${generation['status']}`);
    const images = generation['generated_images'] as { url: string }[];
    if (images.length !== wanted) complaints.push(`job ${id} has ${images.length} pictures, wanted ${wanted}`);
    for (const { url } of images) {
      const picture = await fetch(url);
      const bytes = Buffer.from(await picture.arrayBuffer());
      if (picture.ok && bytes.subarray(1, 4).toString() === 'PNG') pictures++;
      else complaints.push(`a picture of job ${id} cannot be opened: ${picture.status}`);
    }
    const bill = await client.bill(id);
    if (bill['state'] !== 'settled') complaints.push(`the bill of job ${id} is ${bill['state']}`);
    billedTokens += Number(bill['chargedTokens'] ?? 0);
  };
  const waiting = [...jobs];
  const looker = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await look(job);
  };
  await Promise.all(Array.from({ length: lookersMax }, looker));
  return { succeeded, pictures, billedTokens, complaints };
}

/** Everything below the objects folder but its own hidden files. */
export async function pictureFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !(entry.parentPath === folder && entry.name.startsWith('.')))
    .map((entry) => path.join(entry.parentPath, entry.name));
}
