"""Named tensors as one block of bytes, in the safetensors format (https://github.com/huggingface/safetensors#format)."""

import json
import struct

import numpy as np

TYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64, "U8": np.uint8}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}


def unpack(block: bytes) -> dict[str, np.ndarray]:
    if not block:
        return {}
    (header_length,) = struct.unpack_from("<Q", block)
    start = 8 + header_length
    header = json.loads(block[8:start])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        data = np.frombuffer(block, dtype=np.uint8, count=last - first, offset=start + first)
        # Copied: a tensor may begin anywhere in the block, and the runtime wants it aligned.
        tensors[name] = data.copy().view(TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def pack(tensors: dict[str, np.ndarray]) -> np.ndarray:
    header, blocks, at = {}, [], 0
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor).tobytes()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        blocks.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    return np.frombuffer(b"".join([struct.pack("<Q", len(text)), text, *blocks]), dtype=np.uint8)
