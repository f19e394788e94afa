import type { ObjectStore, UploadForm } from './object-store.js';

export type ObjectStoreUnderTest = {
  readonly store: ObjectStore;
  /** The time that the store and its links go by. */
  now(): number;
  /** What was signed an hour ago by the same store. */
  signedAnHourAgo(sign: (store: ObjectStore, nowMs: number) => Promise<string>): Promise<string>;
  /** A second process on the same storage, as after a crash. */
  reopen(): Promise<ObjectStore>;
  /** A script that calls `writeVersionsForever` on the same storage. */
  crashWriter(key: string): { readonly script: URL; readonly args: readonly string[] };
  /** Everything that lies in the storage and is no object. */
  strays(): Promise<string[]>;
  close(): Promise<void>;
};

export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Sends the file as a browser would: the fields of the form, then the file. */
export function postForm(
  form: UploadForm,
  file: { bytes: Uint8Array; type: string },
  headers: Record<string, string> = {},
): Promise<Response> {
  const data = new FormData();
  for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
  if (form.fields['Content-Type'] === undefined) data.append('Content-Type', file.type);
  data.append('file', new Blob([file.bytes as Uint8Array<ArrayBuffer>], { type: file.type }), 'picture');
  return fetch(form.url, { method: 'POST', body: data, headers });
}
