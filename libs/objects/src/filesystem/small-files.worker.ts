import { hash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parentPort } from 'node:worker_threads';
import { hasCode } from './file-errors.js';
import { footerOf } from './object-file.js';
import type { SmallPut, SmallPutOutcome } from './small-files.protocol.js';

/** A delete that empties a folder may remove it just before a rename into it; losing that race this often in a row means something else is wrong. */
const placeAttemptsMax = 16;

type Placed = { readonly file: number; readonly sha256: string };

/** All files are written and named first and fsynced afterwards: the first fsync makes the file system write its journal for all of them. */
function putAll(puts: readonly SmallPut[]): SmallPutOutcome[] {
  const placed = puts.map((put) => attempt(() => writeAndName(put)));
  return placed.map((result) => ('code' in result ? result : attempt(() => settle(result))));
}

function attempt<T>(step: () => T): T | { code: string; message: string } {
  try {
    return step();
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'EIO', message: (error as Error).message };
  }
}

function writeAndName({ temporary, target, bytes, contentType, storedMs }: SmallPut): Placed {
  const sha256 = hash('sha256', bytes, 'hex');
  const file = fs.openSync(temporary, 'wx', 0o600);
  try {
    fs.writeFileSync(file, Buffer.concat([bytes, footerOf({ contentType, sizeBytes: bytes.length, sha256, storedMs })]));
    name(temporary, target);
    return { file, sha256 };
  } catch (error) {
    fs.closeSync(file);
    throw error;
  }
}

function name(temporary: string, target: string): void {
  for (let tries = 1; ; tries++) {
    try {
      return fs.renameSync(temporary, target);
    } catch (error) {
      if (!hasCode(error, 'ENOENT') || tries >= placeAttemptsMax) throw error;
      fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
    }
  }
}

function settle({ file, sha256 }: Placed): SmallPutOutcome {
  try {
    fs.fsyncSync(file);
    return { sha256 };
  } finally {
    fs.closeSync(file);
  }
}

const port = parentPort;
if (port === null) throw new Error('This file runs as a worker thread only.');
port.on('message', (puts: readonly SmallPut[]) => port.postMessage(putAll(puts)));
