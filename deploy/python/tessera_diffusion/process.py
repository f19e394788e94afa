"""Tasks on stdin, answers on stdout: the child process of a worker that has no Triton. See deploy/python/README.md for the frames."""

import importlib.util
import os
import sys
import threading
from typing import BinaryIO

import numpy as np

from .frames import BrokenFrame, FrameWriter, frames_of
from .open_tasks import Answers, OpenTasks
from .refusals import Refusal
from .tasks import CONTRACT, Tasks

# Batches that are generated side by side: one uses a device fully, what comes meanwhile is prepared and waits.
PAINTINGS_AT_ONCE = 1
# Diffusers pipelines that stay loaded; the least recently used one goes.
PIPELINES_KEPT = 1
# What there is on Linux where a GPU's driver is: NVIDIA's, AMD's, and Windows' below Linux.
DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


class FrameAnswers(Answers):
    def __init__(self, call: int, frames: FrameWriter):
        super().__init__()
        self.call, self.frames = call, frames
        self.cancelled = threading.Event()

    def is_cancelled(self) -> bool:
        return self.cancelled.is_set()

    def send(self, event: dict, payload: np.ndarray | None) -> None:
        self._write({"id": self.call, "event": event}, b"" if payload is None else memoryview(np.ascontiguousarray(payload)).cast("B"))

    def finish(self, refusal: Refusal | None) -> None:
        if refusal is None:
            self._write({"id": self.call, "end": True})
        else:
            self._write({"id": self.call, "end": True, "refusal": {"kind": refusal.kind, "reason": refusal.reason, "sentence": refusal.sentence}})

    def _write(self, message: dict, block: bytes | memoryview = b"") -> None:
        try:
            self.frames.write(message, block)
        except BrokenPipeError:
            # Nobody is there any more; the end of stdin says so, too, and ends this process.
            self.cancelled.set()


def log_error(text: str) -> None:
    """A line each, marked: the worker logs these as errors and everything else as information."""
    sys.stderr.writelines(f"ERROR: {line}\n" for line in text.rstrip().splitlines())
    sys.stderr.flush()


def chosen_device() -> str:
    """The first GPU if torch can use it. Asking torch takes seconds, so it is asked only where there may be one."""
    wanted = os.environ.get("TESSERA_ENGINE_DEVICE")
    if wanted:
        return f"{wanted}:0" if wanted == "cuda" else wanted
    may_have_gpu = not sys.platform.startswith("linux") or any(os.path.exists(driver) for driver in DRIVERS)
    if not may_have_gpu or importlib.util.find_spec("torch") is None:
        return "cpu"
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"


def tasks_of_environment() -> Tasks:
    return Tasks(
        models_folder=os.environ["TESSERA_MODELS"],
        device=chosen_device(),
        threads=int(os.environ.get("TESSERA_ENGINE_THREADS") or min(4, os.cpu_count() or 1)),
        paintings_at_once=PAINTINGS_AT_ONCE,
        pipelines_kept=PIPELINES_KEPT,
    )


def serve(tasks: Tasks, incoming: BinaryIO, outgoing: FrameWriter) -> None:
    """Until stdin ends, which is when the worker closes it or dies."""
    open_tasks = OpenTasks(tasks, log_error)
    # Those that have ended stay until a later one is looked for: an answer's thread does not touch this.
    calls: dict[int, FrameAnswers] = {}
    outgoing.write({"ready": True, "contract": CONTRACT, "device": tasks.device, "python": sys.version.split()[0]})
    try:
        for message, block in frames_of(incoming):
            for call in [call for call, answers in calls.items() if answers.has_ended]:
                del calls[call]
            call = message["id"]
            if message.get("cancel"):
                if call in calls:
                    calls[call].cancelled.set()
            else:
                calls[call] = FrameAnswers(call, outgoing)
                open_tasks.start(calls[call], message["task"], block)
    except BrokenFrame as error:
        log_error(str(error))
