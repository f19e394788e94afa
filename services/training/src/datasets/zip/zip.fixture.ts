import { crc32 as crc32Of, deflateRawSync } from 'node:zlib';
import type { ZipSource } from './zip-reader.js';

type Lies = {
  readonly method?: 'stored' | 'deflated';
  readonly comment?: string;
  readonly flags?: number;
  readonly methodNumber?: number;
  readonly saidBytes?: number;
  readonly crc32?: number;
  /** Every name leads to the bytes of the first one. */
  readonly sharesBytes?: boolean;
};

/** An archive of these files, with whatever is to be wrong in it. */
export function zipOf(files: Readonly<Record<string, Uint8Array>>, lies: Lies = {}): Buffer {
  const { method = 'deflated', comment = '', flags = 0x800, methodNumber = method === 'stored' ? 0 : 8 } = lies;
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const nameBytes = Buffer.from(name);
    const packed = method === 'stored' ? Buffer.from(bytes) : deflateRawSync(bytes);
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(flags, 2);
    head.writeUInt16LE(methodNumber, 4);
    head.writeUInt32LE(lies.crc32 ?? crc32Of(bytes), 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(lies.saidBytes ?? bytes.length, 18);
    head.writeUInt16LE(nameBytes.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(lies.sharesBytes ? 0 : at, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), head, tail, nameBytes);
    const body = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), head, nameBytes, packed]);
    bodies.push(body);
    at += body.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...bodies, listed, end, Buffer.from(comment)]);
}

export const zipSourceOf = (zip: Buffer): ZipSource => ({
  sizeBytes: zip.length,
  read: async (at, length) => zip.subarray(at, at + length),
});
