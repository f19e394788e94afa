"""Tiny pipelines of every class, made once, and `Tasks` as Triton and the child process call it."""

import importlib.machinery
import importlib.util
import json
import os
import sys
import types
from dataclasses import dataclass, field

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
# Nothing may come from a hub, as in production.
os.environ["HF_HUB_OFFLINE"] = "1"
# Pictures this small are slower with more: threads wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

if importlib.util.find_spec("onnxruntime") is None:
    # Mosaic's graphs are tried by the specs in libs/inference; diffusers needs no runtime for them.
    absent = types.ModuleType("onnxruntime")
    absent.__spec__ = importlib.machinery.ModuleSpec("onnxruntime", None)
    absent.__version__, absent.InferenceSession, absent.SessionOptions = "absent", None, None
    sys.modules["onnxruntime"] = absent

import numpy as np  # noqa: E402
import tiny_guides  # noqa: E402
import tiny_pipelines  # noqa: E402
from tessera_diffusion.tasks import Tasks  # noqa: E402

WIDTH, HEIGHT = 64, 48


@dataclass
class Painted:
    images: list[np.ndarray] = field(default_factory=list)
    previews: list[dict] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)
    notices: list[tuple[int, str]] = field(default_factory=list)

    @property
    def bytes(self) -> list[bytes]:
        return [image.tobytes() for image in self.images]


class Engine:
    """One process of Python: what it holds stays from test to test, as it does in service."""

    def __init__(self, models: str):
        self.models = models
        self.tasks = Tasks(models_folder=models, device="cpu", threads=1, paintings_at_once=1, pipelines_kept=20)

    def paint(self, family: str, *plans: dict, tensors: dict | None = None, is_cancelled=lambda painted: False, **more: object) -> Painted:
        painted = Painted()
        task = {
            "task": "paint", "family": family, "version": "1", "steps": 3, "previewEverySteps": 0, "widthPx": WIDTH, "heightPx": HEIGHT, "guidanceScale": 7, "adapters": [],
            "pictures": [{"prompt": "a red fox", "negativePrompt": "", "seed": 7, **plan} for plan in plans or [{}]], **more,
        }  # fmt: skip

        def emit(event: dict, payload: np.ndarray | None = None) -> None:
            if event["type"] == "image":
                painted.images.append(payload.reshape(event["heightPx"], event["widthPx"], 3).copy())
            elif event["type"] == "preview":
                painted.previews.append({**event, "spread": float(payload.std())})
            elif event["type"] == "step":
                painted.steps.append((event["step"], event["steps"]))
            elif event["type"] == "notice":
                painted.notices.append((event["picture"], event["kind"]))

        self.tasks.serve(task, tensors or {}, emit, lambda: is_cancelled(painted))
        return painted

    def pipeline(self, family: str):
        return self.tasks.pipelines._of(self.tasks.families.named(family, "1"))


def copy_family(models: str, source: str, name: str, **fields: object) -> str:
    """A family with the weights of another, and more in its manifest."""
    folder = os.path.join(models, name)
    os.makedirs(folder)
    os.symlink(os.path.join(models, source, "weights"), os.path.join(folder, "weights"))
    with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as text:
        json.dump({**tiny_pipelines.manifest(name), **fields}, text)
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("models"))
    for name in tiny_pipelines.FAMILIES:
        tiny_pipelines.write_family(folder, name)
    for name in ("sdxl-tiny", "sd15-tiny", "flux-tiny"):
        tiny_guides.add_guides(copy_family(folder, name, f"{name}-guided"))
    return folder


@pytest.fixture(scope="session")
def engine(models, tmp_path_factory) -> Engine:
    os.environ["TESSERA_ADAPTERS_CACHE"] = str(tmp_path_factory.mktemp("adapters"))
    return Engine(models)


@pytest.fixture(scope="session")
def sources() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[16:32, 16:48] = 255
    return {"picture": random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), "mask": mask}
