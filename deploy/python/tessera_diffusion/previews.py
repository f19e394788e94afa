"""The latents as they are, noise included, through the decoder, and made small."""

import logging

import numpy as np

from .pipeline_classes import PipelineClass

PREVIEW_SIDE_MAX = 256

log = logging.getLogger(__name__)


class Previews:
    """Nobody pays for a preview: one that cannot be made is left out, and said once."""

    def __init__(self, can: PipelineClass):
        self.latents_are = can.latents
        self.has_failed = False

    def of(self, pipe, latents, width_px: int, height_px: int) -> list[np.ndarray]:
        if self.has_failed:
            return []
        try:
            return decoded(pipe, latents, width_px, height_px, self.latents_are or guessed(pipe))
        except Exception as error:  # whatever it was, the picture goes on
            self.has_failed = True
            log.warning("%s gives no previews from now on: %s: %s", type(pipe).__name__, type(error).__name__, error)
            return []


def guessed(pipe) -> str:
    """For a class that the table does not know."""
    if getattr(pipe.vae.config, "latents_mean", None) is not None:
        return "packed_mean_std" if hasattr(pipe, "_unpack_latents") else "mean_std"
    return "packed" if hasattr(pipe, "_unpack_latents") else "scaled_shifted"


def decoded(pipe, latents, width_px: int, height_px: int, kind: str) -> list[np.ndarray]:
    import torch

    with torch.inference_mode():
        if kind.startswith("packed"):
            latents = pipe._unpack_latents(latents, height_px, width_px, pipe.vae_scale_factor)
        planes = in_full_precision(pipe.vae, unscaled(pipe.vae.config, latents, kind)).float()
        # A decoder of films gives a row of pictures: this one is its first.
        planes = planes[:, :, 0] if planes.ndim == 5 else planes
        scale = min(1, PREVIEW_SIDE_MAX / max(planes.shape[-2:]))
        small = torch.nn.functional.interpolate(planes, scale_factor=scale, mode="area") if scale < 1 else planes
        pixels = ((small / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)
    return list(pixels.cpu().numpy())


def unscaled(config, latents, kind: str):
    if kind.endswith("mean_std"):
        import torch

        shape = (1, -1, *[1] * (latents.ndim - 2))
        mean, spread = (torch.tensor(each).view(shape).to(latents.device, latents.dtype) for each in (config.latents_mean, config.latents_std))
        return latents * spread + mean
    return latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0)


def in_full_precision(vae, latents):
    """A decoder with `force_upcast` gives black pictures in float16; diffusers converts it for the last picture in the same way."""
    import torch

    must_convert = vae.dtype == torch.float16 and getattr(vae.config, "force_upcast", False)
    if not must_convert:
        return vae.decode(latents.to(vae.dtype), return_dict=False)[0]
    vae.to(torch.float32)
    try:
        return vae.decode(latents.float(), return_dict=False)[0]
    finally:
        vae.to(torch.float16)
