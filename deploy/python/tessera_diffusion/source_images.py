"""Pictures that a picture starts from: an init image, a mask over it, one that an instruction changes. Other classes of diffusers on the same weights."""

import math
from dataclasses import dataclass

import numpy as np

from .pipeline_classes import PipelineClass
from .refusals import refused

FROM_PICTURE = {
    "sd15": ("StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"),
    "sdxl": ("StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline"),
    "sd3": ("StableDiffusion3Img2ImgPipeline", "StableDiffusion3InpaintPipeline"),
    "flux": ("FluxImg2ImgPipeline", "FluxInpaintPipeline"),
    "qwen-image": ("QwenImageImg2ImgPipeline", "QwenImageInpaintPipeline"),
    "z-image": ("ZImageImg2ImgPipeline", "ZImageInpaintPipeline"),
}

# What models that edit are trained on; a larger picture would only take longer.
EDIT_PIXELS_MAX = 1024 * 1024


@dataclass(frozen=True)
class Sources:
    """What came with one picture, as PIL pictures."""

    init: object | None
    mask: object | None
    edit: object | None
    guides: tuple[tuple[str, float, object], ...]

    def __bool__(self) -> bool:
        return bool(self.init or self.edit or self.guides)

    @property
    def way(self) -> str:
        return "text" if self.init is None else "init" if self.mask is None else "inpaint"


def read(number: int, plan: dict, tensors: dict[str, np.ndarray], can: PipelineClass, name: str, size: tuple[int, int]) -> Sources:
    """`size` is that of the picture asked for, width first. What the class cannot do is refused: nothing is left out in silence."""
    init, mask, edits = plan.get("init"), None, plan.get("edit")
    guides = plan.get("guides") or []
    if init and not (can.has_inpaint if init["hasMask"] else can.has_init_image):
        raise refused("InvalidArgument", "unsupported_init_image", f"{name} cannot {'generate within a mask' if init['hasMask'] else 'start from a picture'}.")
    if edits and not can.has_edit:
        raise refused("InvalidArgument", "unsupported_edit", f"{name} does not change pictures by an instruction.")
    if edits and (init or guides):
        raise refused("InvalidArgument", "unsupported_edit", f"{name} takes a picture to change, or an init image and guidance, not both.")
    if can.needs_picture and not edits:
        raise refused("InvalidArgument", "unsupported_edit", f"{name} changes a picture, and none came with the prompt.")
    if edits and f"{number}/edit/1" in tensors:
        raise refused("InvalidArgument", "unsupported_edit", f"{name} takes one picture to change.")
    if init and init["hasMask"]:
        mask = picture(tensors[f"{number}/mask"], size)
    return Sources(
        picture(tensors[f"{number}/init"], size) if init else None, mask,
        fitted(picture(tensors[f"{number}/edit/0"]), can.side_multiple_px) if edits else None,
        tuple((guide["kind"], guide["strength"], picture(tensors[f"{number}/guides/{k}"])) for k, guide in enumerate(guides)),
    )  # fmt: skip


def picture(pixels: np.ndarray, size: tuple[int, int] | None = None):
    from PIL import Image

    image = Image.fromarray(pixels)
    if size and image.size != size:
        raise refused("Internal", "painting_failed", f"A source picture is {image.size[0]} by {image.size[1]} pixels, the picture asked for {size[0]} by {size[1]}.")
    return image


def fitted(image, multiple: int):
    """As many pixels as it has, or as the model was trained on, in sides that the class takes."""
    scale = min(1, math.sqrt(EDIT_PIXELS_MAX / (image.width * image.height)))
    width, height = (max(multiple, round(side * scale / multiple) * multiple) for side in image.size)
    return image if (width, height) == image.size else image.resize((width, height))


def steps_run(plan: dict, steps: int) -> int:
    """An init image's strength says what stays; diffusers skips as many of the first steps, and must not skip all."""
    keep = plan["init"]["strength"] if plan.get("init") else 0
    return max(1, min(steps, math.floor(steps * (1 - keep) + 1e-9)))


def change(run: int, steps: int) -> float:
    """What diffusers calls strength, for exactly `run` of `steps`: it multiplies and rounds down."""
    share = run / steps
    return share if int(share * steps) >= run else math.nextafter(share, 1)


def arguments(sources: Sources, run: int, steps: int) -> dict:
    if sources.edit is not None:
        return {"image": sources.edit}
    if sources.init is None:
        return {}
    masked = {"mask_image": sources.mask} if sources.mask is not None else {}
    return {"image": sources.init, "strength": change(run, steps), **masked}
