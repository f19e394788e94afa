"""Messages between a worker and its child process, on pipes: two lengths (u32, little-endian), a JSON object, bytes. Needs nothing but Python, so that a process whose packages are missing can say so."""

import json
import os
import struct
import sys
import threading
from collections.abc import Iterator
from typing import BinaryIO

LENGTHS = struct.Struct("<II")


class BrokenFrame(Exception):
    """What arrives is not what the other side writes: nothing after it can be read, either."""


def frames_of(stream: BinaryIO) -> Iterator[tuple[dict, bytes]]:
    """Ends where the stream ends, also in the middle of a frame: then the other side has died."""
    while len(lengths := stream.read(LENGTHS.size)) == LENGTHS.size:
        text_length, bytes_length = LENGTHS.unpack(lengths)
        text, block = stream.read(text_length), stream.read(bytes_length)
        if len(text) < text_length or len(block) < bytes_length:
            return
        try:
            message = json.loads(text)
        except ValueError as error:
            raise BrokenFrame(f"A frame holds no JSON: {error}") from error
        yield message, block


class FrameWriter:
    """Frames from any thread, one after the other."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor
        self.lock = threading.Lock()

    def write(self, message: dict, block: bytes | memoryview = b"") -> None:
        text = json.dumps(message).encode()
        with self.lock:
            self._all(LENGTHS.pack(len(text), len(block)) + text)
            self._all(block)

    def _all(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while len(rest) > 0:
            rest = rest[os.write(self.descriptor, rest) :]


def take_over_stdio() -> tuple[BinaryIO, FrameWriter]:
    """The pipes for frames alone: what a library prints goes to stderr, and what it reads is empty, or it would break a frame."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    # By lines, as stderr is: the process may end without flushing it.
    sys.stdout.reconfigure(line_buffering=True)
    return os.fdopen(incoming, "rb"), FrameWriter(outgoing)
