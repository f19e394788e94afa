/** Messages to and from a child process, on pipes: two lengths (u32, little-endian), a JSON object, bytes. The other side is `deploy/python/tessera_diffusion/frames.py`. */

export type Frame = { readonly message: unknown; readonly bytes: Uint8Array };

const lengthsBytes = 8;
/** No batch and no adapter is as large; lengths beyond it mean that something else than frames arrives. */
const frameBytesMax = 1024 ** 3;

/** In pieces that are written one after the other: tensors are not copied for it. */
export function packFrame(message: object, bytes: Uint8Array = new Uint8Array()): Uint8Array[] {
  const text = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(lengthsBytes);
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(bytes.length, 4);
  return [Buffer.concat([head, text]), bytes];
}

/** Ends where the stream ends, also in the middle of a frame. Throws when what arrives are no frames. */
export async function* framesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  const arrived = new Arrived();
  for await (const chunk of stream) {
    arrived.add(chunk);
    for (let frame = frameIn(arrived); frame; frame = frameIn(arrived)) yield frame;
  }
}

function frameIn(arrived: Arrived): Frame | undefined {
  const lengths = arrived.peek(lengthsBytes);
  if (!lengths) return undefined;
  const [textBytes, bytesBytes] = [lengths.readUInt32LE(0), lengths.readUInt32LE(4)];
  if (textBytes + bytesBytes > frameBytesMax) throw new Error(`A frame says that it is ${textBytes + bytesBytes} bytes long.`);
  if (arrived.length < lengthsBytes + textBytes + bytesBytes) return undefined;
  const frame = arrived.take(lengthsBytes + textBytes + bytesBytes);
  const start = lengthsBytes + textBytes;
  return { message: JSON.parse(frame.subarray(lengthsBytes, start).toString()), bytes: frame.subarray(start) };
}

/** Chunks that are joined once, when a whole frame is there: a large one comes in hundreds of them. */
class Arrived {
  length = 0;
  #chunks: Buffer[] = [];

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  peek(bytes: number): Buffer | undefined {
    if (this.length < bytes) return undefined;
    const first = this.#chunks[0];
    if (first === undefined || first.length < bytes) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]?.subarray(0, bytes);
  }

  take(bytes: number): Buffer {
    const all = this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks = all.length > bytes ? [all.subarray(bytes)] : [];
    this.length -= bytes;
    return all.subarray(0, bytes);
  }
}
