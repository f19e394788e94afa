"""The package's child process with pipelines that sleep instead of generating, so that all other time is ours: SLEEP_SECONDS a picture, evenly over its steps."""

import os
import time

from tessera_diffusion.frames import take_over_stdio

incoming, outgoing = take_over_stdio()

import numpy as np  # noqa: E402
from tessera_diffusion.pictures import emit_pixels  # noqa: E402
from tessera_diffusion.process import serve, tasks_of_environment  # noqa: E402


class SleepingPipelines:
    """What `Tasks` asks of its pipelines."""

    def __init__(self):
        self.pixels: dict[tuple[int, int], np.ndarray] = {}

    def torch_version(self) -> str:
        return "asleep"

    def warm(self, _family, task: dict) -> None:
        pass

    def generate(self, _family, task: dict, _tensors, emit, refuse_if_cancelled) -> None:
        steps, every, pictures = task["steps"], task["previewEverySteps"], len(task["pictures"])
        pixels = self._picture(task["widthPx"], task["heightPx"])
        start = time.monotonic()
        for step in range(1, steps + 1):
            # To a time, not for a time: what is emitted in between counts as the pipeline's own, as it does on a GPU.
            time.sleep(max(0, start + pictures * float(os.environ["SLEEP_SECONDS"]) * step / steps - time.monotonic()))
            refuse_if_cancelled()
            emit({"type": "step", "step": step, "steps": steps})
            if every > 0 and step % every == 0 and step < steps:
                for picture in range(pictures):
                    emit_pixels(emit, {"type": "preview", "picture": picture, "step": step}, pixels[::4, ::4])
        for picture in range(pictures):
            emit_pixels(emit, {"type": "image", "picture": picture}, pixels)

    def _picture(self, width: int, height: int) -> np.ndarray:
        """Shades and a little noise: about as hard to compress as a photograph."""
        if (width, height) not in self.pixels:
            y, x = np.mgrid[0:height, 0:width]
            shades = np.stack([x / width, y / height, (np.sin(x / 37) * np.cos(y / 53) + 1) / 2], axis=-1) * 255
            self.pixels[width, height] = np.clip(shades + np.random.default_rng(0).normal(0, 2, shades.shape), 0, 255).astype(np.uint8)
        return self.pixels[width, height]


tasks = tasks_of_environment()
tasks.pipelines = SleepingPipelines()
serve(tasks, incoming, outgoing)
os._exit(0)
