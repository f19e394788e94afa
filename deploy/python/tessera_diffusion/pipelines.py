"""Any pipeline of diffusers (https://github.com/huggingface/diffusers): SDXL, FLUX and what else loads with `from_pretrained`. Which are loaded, and what belongs to one of them.

torch and diffusers are imported when the first such model is asked for: an engine that serves Mosaic alone needs neither.
"""

import importlib.metadata
import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from . import generation, loading
from .adapters import AdapterFiles, Adapters
from .controls import Controls
from .families import Family
from .pictures import Emit
from .pipeline_classes import pipeline_class, takes
from .previews import Previews
from .refusals import refused


class Pipelines:
    """Pipelines by family, the least recently used one goes when there are more than `kept`: weights of one fill a GPU."""

    def __init__(self, device: str, threads: int, kept: int):
        self.device, self.threads, self.kept = device, threads, kept
        self.adapter_files = AdapterFiles()
        self.lock = threading.Lock()
        self.loaded: OrderedDict[tuple[str, str], Pipeline] = OrderedDict()

    def torch_version(self) -> str | None:
        try:
            return importlib.metadata.version("torch")
        except importlib.metadata.PackageNotFoundError:
            return None

    def warm(self, family: Family, task: dict) -> None:
        self.adapter_files.refuse_if_absent(task.get("adapters", []))
        pipeline = self._of(family)
        with pipeline.lock:
            pipeline.adapters.use(task.get("adapters", []))

    def generate(self, family: Family, task: dict, tensors: dict[str, np.ndarray], emit: Emit, refuse_if_cancelled: Callable[[], None]) -> None:
        # Before minutes of loading: the caller sends a missing file, and asks again.
        self.adapter_files.refuse_if_absent(task["adapters"])
        pipeline = self._of(family)
        with pipeline.lock:
            pipeline.adapters.use(task["adapters"])
            generation.generate(pipeline, task, tensors, emit, refuse_if_cancelled)

    def _of(self, family: Family) -> "Pipeline":
        key = (family.folder, family.manifest["version"])
        with self.lock:
            pipeline = self.loaded.get(key)
            if pipeline is None:
                # Room first: two at once may not fit.
                while len(self.loaded) >= self.kept:
                    self.loaded.popitem(last=False)[1].unload()
                pipeline = self.loaded[key] = Pipeline(family, self.device, self.threads, self.adapter_files)
            self.loaded.move_to_end(key)
            return pipeline


class Pipeline:
    """One family, loaded: its weights, and the calls of diffusers that work on them."""

    def __init__(self, family: Family, device: str, threads: int, adapter_files: AdapterFiles):
        try:
            import torch

            self.pipe = loading.load(family, device)
        except ImportError as error:
            sentence = f"{family.name} is a diffusers pipeline, and this Python cannot import {error.name}: install deploy/python/requirements-diffusers.txt."
            raise refused("Unavailable", "diffusers_missing", sentence) from error
        if device == "cpu":
            torch.set_num_threads(threads)
        self.torch, self.family, self.device = torch, family, device
        self.lock = threading.Lock()
        self.class_name = type(self.pipe).__name__
        self.can = pipeline_class(self.class_name, takes(self.pipe))
        self.adapters = Adapters(self.pipe, family, adapter_files)
        self.previews = Previews(self.can)
        self.controls = Controls(self)
        self.derived: dict[tuple, object] = {}

    def call(self, name: str, key: tuple = (), **parts: object):
        """Another class of diffusers on the same weights, made once. By its constructor: `from_pipe` converts all weights to float32, and to one dtype at best."""
        known = self.derived.get((name, *key))
        if known is None:
            import diffusers

            kind = getattr(diffusers, name)
            have = {**self.pipe.config, **self.pipe.components, **parts}
            known = kind(**{part: have[part] for part in inspect.signature(kind.__init__).parameters if part in have})
            known.set_progress_bar_config(disable=True)
            loading.place_derived(known, self.family.manifest, self.device)
            self.derived[(name, *key)] = known
        # One that was swapped for a call, or for a reference's encoder, is the same for all of them.
        known.register_modules(scheduler=self.pipe.scheduler)
        return known

    def unload(self) -> None:
        with self.lock:
            self.derived.clear()
            self.controls = self.adapters = self.pipe = None
        if self.torch.cuda.is_available():
            self.torch.cuda.empty_cache()
