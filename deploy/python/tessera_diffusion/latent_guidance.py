"""Latent guidance, as libs/inference/src/flow/guidance/latent-guidance.ts explains it."""

import numpy as np

STEPS_TO_FULL = 3


def share_of_step(strength: float, steps: int) -> float:
    return 1 - (1 - strength) ** min(1, STEPS_TO_FULL / steps)


def towards_content(latent: np.ndarray, wanted: np.ndarray, noise: np.ndarray, strength: float, time: float, steps: int, cells: int) -> np.ndarray:
    """The coarse part follows the picture, as noisy as it is at `time`."""
    difference = time * noise.astype(np.float64) + (1 - time) * wanted.astype(np.float64) - latent
    return (latent + share_of_step(strength, steps) * blurred(difference, cells)).astype(np.float32)


def towards_style(latent: np.ndarray, estimate: np.ndarray, wanted: np.ndarray, strength: float, time: float, steps: int) -> np.ndarray:
    """Each channel of what the latent leads to gets the picture's mean and spread."""
    value, picture = estimate.astype(np.float64), wanted.astype(np.float64)
    styled = (value - mean(value)) / deviation(value) * deviation(picture) + mean(picture)
    return (latent + share_of_step(strength, steps) * (1 - time) * (styled - value)).astype(np.float32)


def blurred(planes: np.ndarray, cells: int) -> np.ndarray:
    """Means over blocks of `cells` x `cells`, linear in between."""
    channels, side, _ = planes.shape
    few = side // cells
    means = planes.reshape(channels, few, cells, few, cells).mean(axis=(2, 4))
    at = np.clip((np.arange(side) + 0.5) / cells - 0.5, 0, few - 1)
    first = np.floor(at).astype(int)
    between = np.zeros((side, few))
    between[np.arange(side), first] += 1 - (at - first)
    between[np.arange(side), np.minimum(few - 1, first + 1)] += at - first
    return np.einsum("yr,crs,xs->cyx", between, means, between)


def mean(planes: np.ndarray) -> np.ndarray:
    return planes.mean(axis=(1, 2), keepdims=True)


def deviation(planes: np.ndarray) -> np.ndarray:
    return np.maximum(1e-3, planes.std(axis=(1, 2), keepdims=True))
