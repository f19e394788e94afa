"""Any pipeline of diffusers (https://github.com/huggingface/diffusers): SDXL, FLUX and what else loads with `from_pretrained`, with LoRA files changed between requests.

torch and diffusers are imported when the first such model is asked for: a Triton that serves Mosaic alone needs neither.
"""

import importlib.metadata
import inspect
import os
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from .families import Family
from .pictures import Emit, emit_pixels
from .refusals import refused

# LoRA files that stay loaded in one pipeline; each is a few hundred megabytes at most.
ADAPTERS_KEPT = 8
PREVIEW_SIDE_MAX = 256


class Pipelines:
    """Pipelines by family, the least recently used one goes when there are more than `kept`: weights of one fill a GPU."""

    def __init__(self, device: str, threads: int, kept: int):
        self.device, self.threads, self.kept = device, threads, kept
        self.lock = threading.Lock()
        self.loaded: OrderedDict[tuple[str, str], Pipeline] = OrderedDict()

    def torch_version(self) -> str | None:
        try:
            return importlib.metadata.version("torch")
        except importlib.metadata.PackageNotFoundError:
            return None

    def warm(self, family: Family, task: dict) -> None:
        self._of(family).use(task.get("adapters", []))

    def generate(self, family: Family, task: dict, emit: Emit, refuse_if_cancelled: Callable[[], None]) -> None:
        self._of(family).generate(task, emit, refuse_if_cancelled)

    def _of(self, family: Family) -> "Pipeline":
        key = (family.folder, family.manifest["version"])
        with self.lock:
            pipeline = self.loaded.get(key)
            if pipeline is None:
                # Room first: two at once may not fit.
                while len(self.loaded) >= self.kept:
                    self.loaded.popitem(last=False)[1].unload()
                pipeline = self.loaded[key] = Pipeline(family, self.device, self.threads)
            self.loaded.move_to_end(key)
            return pipeline


class Pipeline:
    def __init__(self, family: Family, device: str, threads: int):
        try:
            import torch
            from diffusers import DiffusionPipeline
        except ImportError as error:
            raise refused("Unavailable", "diffusers_missing", f"{family.name} is a diffusers pipeline, and this Python cannot import {error.name}: install deploy/python/requirements-diffusers.txt.") from error
        if device == "cpu":
            torch.set_num_threads(threads)
        self.torch = torch
        self.family = family
        self.lock = threading.Lock()
        self.adapters: OrderedDict[str, str] = OrderedDict()
        folder = family.file(family.manifest["pipelineFolder"])
        dtype = getattr(torch, family.manifest["dtype"])
        self.pipe = DiffusionPipeline.from_pretrained(folder, torch_dtype=dtype, local_files_only=True).to(device)
        self.pipe.set_progress_bar_config(disable=True)
        self.takes = inspect.signature(self.pipe.__call__).parameters

    def unload(self) -> None:
        with self.lock:
            self.pipe = None
        if self.torch.cuda.is_available():
            self.torch.cuda.empty_cache()

    def generate(self, task: dict, emit: Emit, refuse_if_cancelled: Callable[[], None]) -> None:
        """In groups of `picturesAtOnce`: with one, a picture is the same whatever else is in its batch; more are faster on a large GPU, and differ in the last bits."""
        pictures, size = task["pictures"], self.family.manifest["picturesAtOnce"]
        groups = [pictures[at : at + size] for at in range(0, len(pictures), size)]
        done = []
        with self.lock:
            self.use(task["adapters"])
            for number, group in enumerate(groups):
                progress = Progress(task, number, len(groups), number * size, emit, refuse_if_cancelled, self)
                done += self._generate_group(task, group, progress)
        for index, pixels in enumerate(done):
            emit_pixels(emit, {"type": "image", "picture": index}, pixels)

    def use(self, adapters: list[dict]) -> None:
        """Exactly these LoRA files act afterwards, with their weights. One that was used lately is still in memory."""
        for adapter in adapters:
            self._load(adapter["file"])
        if not adapters:
            if self.adapters:
                self.pipe.disable_lora()
            return
        self.pipe.enable_lora()
        self.pipe.set_adapters([self.adapters[each["file"]] for each in adapters], [each["weight"] for each in adapters])
        while len(self.adapters) > max(ADAPTERS_KEPT, len(adapters)):
            _, oldest = self.adapters.popitem(last=False)
            self.pipe.delete_adapters([oldest])

    def _load(self, file: str) -> None:
        path = self.family.file(file)
        if not path.startswith(self.family.folder + os.sep) or not os.path.isfile(path):
            raise refused("InvalidArgument", "unknown_adapter", f'{self.family.name} has no adapter "{file}".')
        changed = os.stat(path).st_mtime_ns
        name = "".join(letter if letter.isalnum() else "_" for letter in f"{file}_{changed}")
        if self.adapters.get(file) != name:
            if file in self.adapters:
                self.pipe.delete_adapters([self.adapters.pop(file)])
            self.pipe.load_lora_weights(os.path.dirname(path), weight_name=os.path.basename(path), adapter_name=name)
            self.adapters[file] = name
        self.adapters.move_to_end(file)

    def _generate_group(self, task: dict, group: list[dict], progress: "Progress") -> list[np.ndarray]:
        wanted = {
            "prompt": [each["prompt"] for each in group],
            "negative_prompt": [each["negativePrompt"] for each in group],
            "width": task["widthPx"],
            "height": task["heightPx"],
            "num_inference_steps": task["steps"],
            "guidance_scale": task["guidanceScale"],
            # On the CPU, so that a seed means the same noise on every device.
            "generator": [self.torch.Generator("cpu").manual_seed(each["seed"]) for each in group],
            "callback_on_step_end": progress.step,
            "callback_on_step_end_tensor_inputs": ["latents"],
            "output_type": "np",
        }
        with self.torch.inference_mode():
            images = self.pipe(**{name: value for name, value in wanted.items() if name in self.takes}).images
        return [np.floor(255 * np.clip(image, 0, 1) + 0.5).astype(np.uint8) for image in images]

    def preview(self, latents, task: dict) -> list[np.ndarray]:
        """The latents as they are, noise included, through the decoder, and made small."""
        pipe = self.pipe
        with self.torch.inference_mode():
            if hasattr(pipe, "_unpack_latents"):
                latents = pipe._unpack_latents(latents, task["heightPx"], task["widthPx"], pipe.vae_scale_factor)
            config = pipe.vae.config
            latents = latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0)
            decoded = pipe.vae.decode(latents.to(pipe.vae.dtype), return_dict=False)[0].float()
            scale = min(1, PREVIEW_SIDE_MAX / max(decoded.shape[-2:]))
            small = self.torch.nn.functional.interpolate(decoded, scale_factor=scale, mode="area") if scale < 1 else decoded
            pixels = ((small / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)
        return list(pixels.cpu().numpy())


class Progress:
    """diffusers calls it after each step. Several groups of a batch make one row of steps."""

    def __init__(self, task: dict, group: int, groups: int, first_picture: int, emit: Emit, refuse_if_cancelled: Callable[[], None], pipeline: Pipeline):
        self.task, self.group, self.groups, self.first_picture = task, group, groups, first_picture
        self.emit, self.refuse_if_cancelled, self.pipeline = emit, refuse_if_cancelled, pipeline

    def step(self, _pipe, number: int, _timestep, tensors: dict) -> dict:
        self.refuse_if_cancelled()
        steps, every = self.task["steps"], self.task["previewEverySteps"]
        total = self.group * steps + number + 1
        if total % self.groups == 0 and total // self.groups <= steps:
            self.emit({"type": "step", "step": total // self.groups, "steps": steps})
        if every > 0 and (number + 1) % every == 0 and number + 1 < steps:
            for index, pixels in enumerate(self.pipeline.preview(tensors["latents"], self.task)):
                emit_pixels(self.emit, {"type": "preview", "picture": self.first_picture + index, "step": number + 1}, pixels)
        return {}
