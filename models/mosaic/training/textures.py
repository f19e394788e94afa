"""Random content that looks like nothing in the data set, so that the VAE survives photographs and other people's pictures."""
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def spectrum_noise(rng, side):
    """Noise whose power falls with frequency as in natural pictures (amplitude ~ 1/f^k), in three correlated channels."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    falloff = 1 / np.maximum(frequency, 1 / side) ** rng.uniform(.9, 1.8)
    layers = [np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * falloff) for _ in range(3)]
    layers = np.stack([layer / layer.std() for layer in layers], -1)
    colour_mix = rng.normal(0, 1, (3, 3)) * [1, .5, .35] / 1.6
    return layers @ colour_mix.T * rng.uniform(.12, .3) + rng.uniform(.2, .8, 3)


def dead_leaves(rng, side):
    """Overlapping shapes of all sizes: sharp edges between random colours, some with shading and grain."""
    y, x = np.mgrid[0:side, 0:side]
    picture = np.ones((side, side, 3)) * rng.random(3)
    for _ in range(rng.integers(10, 70)):
        cx, cy = rng.random(2) * side
        radius = 2 + side * .4 * rng.random() ** 3
        angle = rng.random() * 2 * math.pi
        u = (x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)
        v = (y - cy) * math.cos(angle) - (x - cx) * math.sin(angle)
        stretch = rng.uniform(1, 4)
        inside = u * u + v * v * stretch < radius * radius if rng.random() < .5 else np.maximum(abs(u), abs(v) * stretch) < radius
        shade = rng.random(3) * (1 + rng.uniform(-.5, .5) * u[..., None] / radius)
        grain = rng.standard_normal((side, side, 1)) * rng.choice([0, 0, .05, .12])
        picture[inside] = (shade + grain)[inside]
    return picture


def strokes(rng, side):
    """Lines, dots and letter-like marks over a gradient."""
    top, bottom = rng.random((2, 3))
    ramp = np.linspace(0, 1, side)[:, None, None]
    picture = Image.fromarray(((top * (1 - ramp) + bottom * ramp).repeat(side, 1) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(6, 40)):
        colour, kind = tuple(int(v) for v in rng.integers(0, 256, 3)), rng.integers(4)
        px, py = rng.random(2) * side
        length = rng.uniform(4, side * .4)
        if kind == 0:
            draw.line([px, py, px + rng.uniform(-1, 1) * length, py + rng.uniform(-1, 1) * length], fill=colour, width=int(rng.integers(1, 5)))
        elif kind == 1:
            draw.arc([px, py, px + length, py + length], *sorted(rng.uniform(0, 360, 2)), fill=colour, width=int(rng.integers(1, 4)))
        elif kind == 2:
            draw.text((px, py), ''.join(chr(c) for c in rng.integers(48, 123, 4)), fill=colour)
        else:
            draw.rectangle([px, py, px + length, py + length * rng.random()], outline=colour, width=int(rng.integers(1, 3)))
    return np.asarray(picture).astype(np.float64) / 255


def blended(rng, side):
    """Natural-spectrum light over hard shapes: the nearest thing to a photograph that costs nothing."""
    picture = dead_leaves(rng, side) * .6 + spectrum_noise(rng, side) * .5
    if rng.random() < .5:
        image = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
        picture = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(.3, 1.5)))).astype(np.float64) / 255
    return picture


KINDS = (spectrum_noise, dead_leaves, strokes, blended)


def texture(rng, side):
    """uint8 [side, side, 3]"""
    picture = KINDS[rng.integers(len(KINDS))](rng, side)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)
