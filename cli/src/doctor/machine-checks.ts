import { existsSync } from 'node:fs';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { repositoryRoot } from '../places.js';
import { readServerFile, type RunningServer } from '../server-file.js';
import { formatBytes } from '../texts.js';
import { messageOf, type Check } from './check.js';

const nodeMajorMin = 24;
/** Room for a few thousand pictures; with less a server soon stands still. */
const freeBytesWanted = 1024 * 1024 * 1024;
/** Signed links live for minutes, so a clock that is hours off is noticed by clients at once. This build cannot be older than its own release. */
const releaseMs = Date.UTC(2025, 0, 1);

export async function checkNode(): Promise<Check> {
  const name = 'node';
  const isNewEnough = Number(process.versions.node.split('.')[0]) >= nodeMajorMin;
  const finding = `${process.version} on ${process.platform}-${process.arch}`;
  return isNewEnough
    ? { name, verdict: 'ok', finding }
    : { name, verdict: 'fail', finding, remedy: `Start through ./tessera, which fetches Node ${nodeMajorMin}.` };
}

/** The packages with native parts are the ones that break when a folder is copied between machines. */
export async function checkPackages(): Promise<Check> {
  const name = 'packages';
  const load = createRequire(import.meta.url);
  const broken: string[] = [];
  for (const module of ['sharp', 'onnxruntime-node']) {
    try {
      load(module);
    } catch (error) {
      broken.push(`${module}: ${messageOf(error).split('\n')[0]}`);
    }
  }
  if (broken.length === 0) return { name, verdict: 'ok', finding: 'native modules load (sharp, onnxruntime-node)' };
  return {
    name,
    verdict: 'fail',
    finding: broken.join('; '),
    remedy: `Remove ${path.join(repositoryRoot, 'node_modules')} and ${path.join(repositoryRoot, '.tessera/packages')}, then start again.`,
  };
}

export async function checkDataFolder(dataDir: string): Promise<Check> {
  const name = 'data folder';
  const isNew = !existsSync(dataDir);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const probe = path.join(dataDir, `.doctor-${process.pid}`);
    await writeFile(probe, 'written by tessera doctor\n');
    await rm(probe);
    const { bavail, bsize } = await statfs(dataDir);
    if (isNew) await rm(dataDir, { recursive: true });
    const finding = `${dataDir} is writable${isNew ? ' (not in use yet)' : ''}, ${formatBytes(bavail * bsize)} free`;
    return bavail * bsize >= freeBytesWanted
      ? { name, verdict: 'ok', finding }
      : { name, verdict: 'warn', finding, remedy: 'Free some space, or choose another folder with --data.' };
  } catch (error) {
    return {
      name,
      verdict: 'fail',
      finding: messageOf(error),
      remedy: 'Choose a folder that you may write to with --data or TESSERA_DATA.',
    };
  }
}

export async function checkPort(kind: string, port: number, running: RunningServer | undefined): Promise<Check> {
  const name = `port ${port}`;
  const isOurs = running !== undefined && (running.url.endsWith(`:${port}`) || running.grpcUrl.endsWith(`:${port}`));
  if (isOurs) return { name, verdict: 'ok', finding: `in use by the running server (${kind})` };
  const isFree = await new Promise<boolean>((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  if (isFree) return { name, verdict: 'ok', finding: `free (${kind})` };
  return {
    name,
    verdict: 'warn',
    finding: `taken by another program (${kind})`,
    remedy: `Start with ${kind === 'HTTP' ? '--port' : '--grpc-port'} and another number; 0 picks a free one.`,
  };
}

export async function checkServer(dataDir: string, running: RunningServer | undefined): Promise<Check> {
  const name = 'server';
  if (running) return { name, verdict: 'ok', finding: `${running.url} runs on this data folder (process ${running.pid})` };
  const announced = readServerFile(dataDir);
  if (!announced) return { name, verdict: 'ok', finding: 'none runs on this data folder; commands start their own' };
  return {
    name,
    verdict: 'warn',
    finding: `process ${announced.pid} announced ${announced.url} and does not answer`,
    remedy: 'It has crashed or hangs. Start it again; nothing that was acknowledged is lost.',
  };
}

export async function checkClock(): Promise<Check> {
  const name = 'clock';
  const finding = new Date().toISOString();
  return Date.now() > releaseMs
    ? { name, verdict: 'ok', finding }
    : { name, verdict: 'fail', finding: `${finding} lies in the past`, remedy: 'Set the clock: links, grants and renewals depend on it.' };
}
