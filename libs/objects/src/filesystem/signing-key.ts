import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import { hasCode } from './file-errors.js';

const keyBytes = 32;

/** The secret behind the links of one data folder; made at the first start. Of several processes that start at once, one makes it and all read it. */
export async function readSigningKey(file: string, newPath: () => string): Promise<Buffer> {
  try {
    return await readKey(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  const temporary = newPath();
  await fs.writeFile(temporary, `${randomBytes(keyBytes).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    // A link, not a rename: it fails when another process was quicker, instead of replacing a key that has signed links already.
    await fs.link(temporary, file);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await fs.rm(temporary, { force: true });
  }
  return readKey(file);
}

async function readKey(file: string): Promise<Buffer> {
  const key = Buffer.from((await fs.readFile(file, 'utf8')).trim(), 'hex');
  if (key.length !== keyBytes)
    throw new Error(`${file} does not hold a signing key. Remove it to have a new one made; links that were handed out stop working.`);
  return key;
}
