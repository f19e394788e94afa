"""The tasks that this model knows, and who may work when."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import onnxruntime

from . import flow
from .families import Families, Family
from .graphs import Graphs
from .pipeline_classes import class_name_of
from .pipelines import Pipelines
from .refusals import cancelled, refused
from .tensors import pack

# Raised when the messages change their meaning; the worker refuses another one.
CONTRACT = 2
# How often a request that waits for the device looks whether it is still wanted.
WAIT_S = 0.1


class Tasks:
    def __init__(self, models_folder: str, device: str, threads: int, paintings_at_once: int, pipelines_kept: int):
        self.families = Families(models_folder)
        self.graphs = Graphs(device, threads)
        self.pipelines = Pipelines(device, threads, pipelines_kept)
        self.device = device
        self.permits = threading.BoundedSemaphore(paintings_at_once)
        self.is_stopping = threading.Event()

    def stop(self) -> None:
        self.is_stopping.set()

    def serve(self, task: dict, tensors: dict[str, np.ndarray], emit: Callable[..., None], is_cancelled: Callable[[], bool]) -> None:
        def refuse_if_cancelled():
            if self.is_stopping.is_set():
                raise refused("Unavailable", "engine_unavailable", "The engine is shutting down.")
            if is_cancelled():
                raise cancelled()

        kind = task.get("task")
        if kind == "describe":
            emit(self.describe())
            return
        if kind == "adapter":
            self.pipelines.adapter_files.keep(task["sha256"], tensors["bytes"])
            return
        if kind not in ("run", "warm", "paint"):
            raise refused("InvalidArgument", "unknown_task", f'This model knows no task "{kind}".')
        family = self.families.named(task["family"], task["version"])
        if kind == "run":
            graph = family.graph(task["graph"])
            emit({"type": "tensors"}, pack(self.graphs.run(family.file(graph["file"]), graph, tensors)))
            return
        with self._permit(refuse_if_cancelled):
            if kind == "warm":
                self._warm(family, task)
            elif family.manifest["pipeline"] == "diffusers":
                self.pipelines.generate(family, task, tensors, emit, refuse_if_cancelled)
            else:
                flow.generate(family, self.graphs, task, tensors, emit, refuse_if_cancelled)

    def describe(self) -> dict:
        families = [
            {"family": each.name, "version": each.manifest["version"], "pipeline": each.manifest["pipeline"], "pipelineClass": class_name_of(each)}
            for each in self.families.list()
        ]  # fmt: skip
        return {"type": "described", "contract": CONTRACT, "device": self.device, "onnxruntime": onnxruntime.__version__, "torch": self.pipelines.torch_version(), "families": families}

    def _warm(self, family: Family, task: dict) -> None:
        if family.manifest["pipeline"] == "diffusers":
            self.pipelines.warm(family, task)
        else:
            flow.warm(family, self.graphs)

    @contextmanager
    def _permit(self, refuse_if_cancelled: Callable[[], None]) -> Iterator[None]:
        """At most `paintings_at_once` tasks use the device; one that waits may be cancelled."""
        while not self.permits.acquire(timeout=WAIT_S):
            refuse_if_cancelled()
        try:
            refuse_if_cancelled()
            yield
        finally:
            self.permits.release()
