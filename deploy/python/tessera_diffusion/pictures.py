"""From planes to pixels. Numbers are rounded as in libs/inference/src/flow/pictures/pictures.ts, where this is done in process: the pictures must be the same."""

from collections.abc import Callable

import numpy as np

from .families import Family
from .graphs import Graphs

Emit = Callable[..., None]


def rounded(value: float) -> int:
    return int(np.floor(value + 0.5))


def cut(planes: np.ndarray, window: dict, native: int) -> np.ndarray:
    """The part of `[3, height, width]` that `window`, in pixels of a picture that is `native` high, frames."""
    _, height, width = planes.shape
    scale = height / native
    wide = max(1, rounded(window["width"] * scale))
    high = max(1, rounded(window["height"] * scale))
    left = min(rounded(window["left"] * scale), width - wide)
    top = min(rounded(window["top"] * scale), height - high)
    return planes[:, top : top + high, left : left + wide]


def enlarged(planes: np.ndarray, window: dict, longer_side: int, family: Family, graphs: Graphs) -> np.ndarray:
    """Enlarged, cut to the window and enlarged on: the second pass costs by the area, so it gets only what is delivered."""
    # A picture generated in several squares has that much more to begin with.
    squares = planes.shape[2] / planes.shape[1]
    passes = [each for each in family.manifest["superResolution"] if longer_side > each["aboveSidePx"] * squares]

    def run(picture: np.ndarray, graph: dict) -> np.ndarray:
        names = {"inputs": {"picture": graph["input"]}, "outputs": {"enlarged": graph["output"]}}
        return graphs.run(family.file(graph["file"]), names, {"picture": np.ascontiguousarray(picture[None])})["enlarged"][0]

    planes = cut(run(planes, passes[0]) if passes else planes, window, family.manifest["nativeSidePx"])
    for graph in passes[1:]:
        planes = run(planes, graph)
    return planes


def graded(planes: np.ndarray, grade: dict) -> np.ndarray:
    """`[height, width, 3]` bytes, in the colours of a style."""
    red, green, blue = planes.astype(np.float64)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    pixels = np.empty((*luma.shape, 3), np.uint8)
    for channel, (values, gain) in enumerate(zip((red, green, blue), grade["tint"])):
        value = (((luma + (values - luma) * grade["saturation"]) * gain - 0.5) * grade["contrast"] + 0.5) * grade["brightness"]
        pixels[..., channel] = np.floor(255 * np.clip(value, 0, 1) + 0.5)
    return pixels


def emit_pixels(emit: Emit, event: dict, pixels: np.ndarray) -> None:
    height, width, _ = pixels.shape
    emit({**event, "widthPx": width, "heightPx": height}, np.ascontiguousarray(pixels).reshape(-1))
