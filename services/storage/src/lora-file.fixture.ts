/** A LoRA file whose numbers are all 0: what is looked at is its header. */
export function loraFile(shapes: Readonly<Record<string, readonly number[]>>, metadata: Readonly<Record<string, string>> = {}): Buffer {
  let end = 0;
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const from = end;
    end += 2 * shape.reduce((product, side) => product * side, 1);
    return [name, { dtype: 'F16', shape, data_offsets: [from, end] }];
  });
  const header = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(end)]);
}
