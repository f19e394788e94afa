import { createHash } from 'node:crypto';
import fs, { type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { resourceExhausted, unavailable } from '@tessera/platform/errors.js';
import type { Clock } from '@tessera/platform/clock.js';
import { assertContentType, assertKeyPrefix, assertObjectKey } from '../object-key.js';
import { assertListLimit, folderOfAnotherKey, tooLarge, unknownObject } from '../object-rules.js';
import { ObjectStore, type ByteRange, type ObjectHead, type ObjectKey, type UploadForm, type UploadPolicy } from '../object-store.js';
import { hasCode } from './file-errors.js';
import { IncomingFiles } from './incoming-files.js';
import { LinkSigner } from './link-signer.js';
import { footerOf, readDescription, readObject, type Description } from './object-file.js';
import { readSigningKey } from './signing-key.js';
import { SmallFiles } from './small-files.js';

/** Bodies up to here go to the thread that writes many at once; larger ones would keep it from the small ones. */
const smallBytesMax = 1024 * 1024;

/** A delete that empties a folder may remove it just before a rename into it; losing that race this often in a row means something else is wrong. */
const placeAttemptsMax = 16;

type PutOptions = { readonly contentType: string; readonly sizeBytesMax?: number };

/** Objects as files below one folder: `files/<key>` are the objects, `incoming/` what is being written, `.signing-key` the secret behind the links. */
export class FilesystemObjectStore extends ObjectStore {
  private readonly smallFiles = new SmallFiles();

  private constructor(
    private readonly root: string,
    private readonly incoming: IncomingFiles,
    readonly links: LinkSigner,
    private readonly clock: Clock,
  ) {
    super();
  }

  static async open(folder: string, publicUrl: () => string, clock: Clock): Promise<FilesystemObjectStore> {
    const root = path.join(folder, 'files');
    await fs.mkdir(root, { recursive: true, mode: 0o700 });
    const incoming = new IncomingFiles(path.join(folder, 'incoming'));
    await incoming.open();
    const secret = await readSigningKey(path.join(folder, '.signing-key'), () => incoming.newPath());
    return new FilesystemObjectStore(root, incoming, new LinkSigner(secret, publicUrl, clock), clock);
  }

  async put(key: ObjectKey, body: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions): Promise<ObjectHead> {
    assertObjectKey(key);
    assertContentType(options.contentType);
    const temporary = this.incoming.newPath();
    try {
      const isSmall = body instanceof Uint8Array && body.length <= smallBytesMax;
      const description = isSmall
        ? await this.putSmall(temporary, key, body, options)
        : await this.putStream(temporary, key, body, options);
      return { key, ...description };
    } catch (error) {
      await fs.rm(temporary, { force: true });
      if (hasCode(error, 'ENOSPC', 'EDQUOT'))
        throw resourceExhausted('storage_full', 'There is no space left to store files.', { cause: error });
      if (hasCode(error, 'ENOTDIR', 'EISDIR', 'ENOTEMPTY')) throw folderOfAnotherKey(error);
      if (hasCode(error, 'ENOENT'))
        throw unavailable('object_folder_busy', 'The folder of this object keeps being removed; try again.', { cause: error });
      throw error;
    }
  }

  private async putSmall(
    temporary: string,
    key: ObjectKey,
    bytes: Uint8Array,
    { contentType, sizeBytesMax = Infinity }: PutOptions,
  ): Promise<Description> {
    if (bytes.length > sizeBytesMax) throw tooLarge(sizeBytesMax);
    const storedMs = this.clock.now();
    const outcome = await this.smallFiles.put({ temporary, target: this.pathOf(key), bytes, contentType, storedMs });
    if ('code' in outcome) throw Object.assign(new Error(outcome.message), { code: outcome.code });
    return { contentType, sizeBytes: bytes.length, sha256: outcome.sha256, storedMs };
  }

  /** Named first, fsynced afterwards: see docs/decisions/0005-name-then-fsync.md. */
  private async putStream(
    temporary: string,
    key: ObjectKey,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<Description> {
    const file = await fs.open(temporary, 'wx', 0o600);
    try {
      const description = await this.writeStream(file, body instanceof Uint8Array ? inOnePiece(body) : body, options);
      await this.place(temporary, this.pathOf(key));
      await file.sync();
      return description;
    } finally {
      await file.close();
    }
  }

  private async writeStream(
    file: FileHandle,
    chunks: AsyncIterable<Uint8Array>,
    { contentType, sizeBytesMax = Infinity }: PutOptions,
  ): Promise<Description> {
    const sha256 = createHash('sha256');
    let sizeBytes = 0;
    for await (const chunk of chunks) {
      sizeBytes += chunk.length;
      if (sizeBytes > sizeBytesMax) throw tooLarge(sizeBytesMax);
      sha256.update(chunk);
      await file.writeFile(chunk);
    }
    const description = { contentType, sizeBytes, sha256: sha256.digest('hex'), storedMs: this.clock.now() };
    await file.writeFile(footerOf(description));
    return description;
  }

  private async place(temporary: string, target: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await fs.rename(temporary, target);
      } catch (error) {
        if (!hasCode(error, 'ENOENT') || attempt >= placeAttemptsMax) throw error;
        await fs.mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
      }
    }
  }

  async get(key: ObjectKey, range?: ByteRange): Promise<{ head: ObjectHead; body: AsyncIterable<Uint8Array> }> {
    const opened = await this.open(key);
    if (!opened) throw unknownObject();
    const { description, body } = await readObject(opened.file, opened.fileBytes, range);
    return { head: { key, ...description }, body };
  }

  async head(key: ObjectKey): Promise<ObjectHead | undefined> {
    const opened = await this.open(key);
    if (!opened) return undefined;
    try {
      return { key, ...(await readDescription(opened.file, opened.fileBytes)) };
    } finally {
      await opened.file.close();
    }
  }

  private async open(key: ObjectKey): Promise<{ file: FileHandle; fileBytes: number } | undefined> {
    assertObjectKey(key);
    let file: FileHandle | undefined;
    try {
      file = await fs.open(this.pathOf(key), 'r');
      const stat = await file.stat();
      if (stat.isFile()) return { file, fileBytes: stat.size };
      await file.close();
      return undefined;
    } catch (error) {
      await file?.close();
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  /** Not fsynced: after a power cut a deleted object may be back, and whoever deletes by an event or a sweep deletes it again. */
  async delete(key: ObjectKey): Promise<void> {
    assertObjectKey(key);
    const target = this.pathOf(key);
    try {
      await fs.unlink(target);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EPERM')) return;
      throw error;
    }
    await this.prune(path.dirname(target));
  }

  /** Removes the folder, and those above it, for as long as they are empty. */
  private async prune(folder: string): Promise<void> {
    for (let at = folder; at !== this.root; at = path.dirname(at)) {
      try {
        await fs.rmdir(at);
      } catch (error) {
        if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return;
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    }
  }

  async list(prefix: string, limit: number, after = ''): Promise<ObjectKey[]> {
    assertKeyPrefix(prefix);
    assertListLimit(limit);
    const keys: ObjectKey[] = [];
    for await (const key of this.walk(prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, after)) {
      keys.push(key);
      if (keys.length === limit) break;
    }
    return keys;
  }

  /** Keys below `folder` (empty, or ending with `/`) in key order. A folder sorts as its name with the `/`, for that is how its keys begin. */
  private async *walk(folder: string, prefix: string, after: string): AsyncGenerator<ObjectKey> {
    for (const name of await this.namesIn(folder)) {
      const at = folder + name;
      if (!name.endsWith('/')) {
        if (at.startsWith(prefix) && at > after) yield at;
        continue;
      }
      const mayHoldKeys = (at.startsWith(prefix) || prefix.startsWith(at)) && (at > after || after.startsWith(at));
      if (mayHoldKeys) yield* this.walk(at, prefix, after);
    }
  }

  private async namesIn(folder: string): Promise<string[]> {
    try {
      const entries = await fs.readdir(path.join(this.root, folder), { withFileTypes: true });
      return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
      throw error;
    }
  }

  async signDownload(key: ObjectKey, expiresMs: number): Promise<string> {
    assertObjectKey(key);
    return this.links.download(key, expiresMs);
  }

  async signUpload(policy: UploadPolicy): Promise<UploadForm> {
    assertObjectKey(policy.key);
    return this.links.upload(policy);
  }

  async close(): Promise<void> {
    await this.smallFiles.close();
  }

  private pathOf(key: ObjectKey): string {
    return path.join(this.root, key);
  }
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
