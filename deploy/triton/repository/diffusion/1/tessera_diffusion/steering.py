"""Style and content references steer the latent: libs/inference/src/onnx/steering.ts is the same in TypeScript and explains it."""

import numpy as np

STEPS_TO_FULL = 3


def share_of_step(strength: float, steps: int) -> float:
    return 1 - (1 - strength) ** min(1, STEPS_TO_FULL / steps)


def drawn_towards(latent: np.ndarray, wanted: np.ndarray, noise: np.ndarray, share: float, time: float, cells: int) -> np.ndarray:
    """The coarse part of a latent [c, side, side] follows another picture's, as noisy as it is at `time` (https://arxiv.org/abs/2108.02938)."""
    difference = time * noise.astype(np.float64) + (1 - time) * wanted.astype(np.float64) - latent
    return (latent + share * blurred(difference.astype(np.float32), cells)).astype(np.float32)


def blurred(planes: np.ndarray, cells: int) -> np.ndarray:
    """Means over blocks of cells x cells, linear in between."""
    channels, side, _ = planes.shape
    few = side // cells
    means = planes.astype(np.float64).reshape(channels, few, cells, few, cells).mean((2, 4))
    at = np.clip((np.arange(side) + 0.5) / cells - 0.5, 0, few - 1)
    low = np.floor(at).astype(int)
    high, share = np.minimum(few - 1, low + 1), at - low
    across = means[:, :, low] * (1 - share) + means[:, :, high] * share
    return (across[:, low] * (1 - share)[:, None] + across[:, high] * share[:, None]).astype(np.float32)


def styled(latent: np.ndarray, estimate: np.ndarray, wanted: np.ndarray, share: float, time: float) -> np.ndarray:
    """Each channel of the picture that a latent leads to gets another picture's mean and spread (https://arxiv.org/abs/1703.06868)."""
    value = estimate.astype(np.float64)
    (mean, deviation), (wanted_mean, wanted_deviation) = spread(value), spread(wanted.astype(np.float64))
    target = (value - mean) / deviation * wanted_deviation + wanted_mean
    return (latent + share * (1 - time) * (target - value)).astype(np.float32)


def spread(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return planes.mean((1, 2), keepdims=True), np.maximum(1e-3, planes.std((1, 2), keepdims=True))
