"""Emoji sprites: loading, squaring, recolouring, and which concepts and combinations are held out of training."""
import json
import zlib

import numpy as np
from PIL import Image

from workplace import DATA

LOOKS = ('3d', 'modern', 'flat')
HUES = {'red': .985, 'orange': .075, 'yellow': .14, 'green': .36, 'turquoise': .48, 'blue': .595, 'purple': .755, 'pink': .905}
COLOURS = (*HUES, 'black', 'white', 'gray', 'brown')
REFERENCE_PX = 96
HELD_OUT_FILE = 'held_out.json'


class Concepts:
    """All sprites, memory-mapped; recoloured ones are made on demand."""

    def __init__(self):
        listing = json.loads((DATA / 'sprites.json').read_text())
        side = listing['sidePx']
        self.all = listing['concepts']
        self.raw = {look: np.memmap(DATA / f'sprites-{look}.rgba', np.uint8, 'r', shape=(len(self.all), side, side, 4)) for look in LOOKS}
        self.paintable = [paintable(self.raw['3d'][k]) for k in range(len(self.all))]

    def sprite(self, concept, look, colour=None):
        """RGBA image cropped to its opaque box and centred in a square."""
        pixels = np.asarray(self.raw[look][concept])
        if colour is not None:
            pixels = recolour(pixels, colour)
        return squared(pixels)


def paintable(pixels):
    """The way to recolour a sprite: by its main hue, by its greys, or None where neither rules it."""
    hue, share, grey = dominant_hue(pixels)
    return 'hue' if share >= .45 else 'grey' if grey >= .7 else None


def planes(pixels):
    return [np.asarray(c, np.float32) / 255 for c in Image.fromarray(np.ascontiguousarray(pixels[..., :3])).convert('HSV').split()]


def dominant_hue(pixels):
    """(hue, share of the opaque area near it, grey share)"""
    hue, saturation, value = planes(pixels)
    opaque = pixels[..., 3] > 128
    coloured = opaque & (saturation > .25) & (value > .15)
    histogram = np.histogram(hue[coloured], 36, (0, 1))[0].astype(float)
    window = sum(np.roll(histogram, k) for k in (-2, -1, 0, 1, 2))
    peak, area = int(window.argmax()), max(1, opaque.sum())
    return (peak + .5) / 36, window[peak] / area, 1 - coloured.sum() / area


def target_planes(colour, hue, saturation, value, distance, grey):
    if colour == 'black':
        return hue, saturation * .12, .10 + value * .26
    if colour == 'white':
        return hue, saturation * .05, .70 + .30 * value
    if colour == 'gray':
        return hue, saturation * .06, .22 + .52 * value
    if colour == 'brown':
        return np.full_like(hue, .065), np.clip(saturation * .5 + .36, 0, .78), value * .66
    new_hue = np.full_like(hue, HUES[colour]) if grey else (HUES[colour] + distance * .6) % 1
    new_saturation = np.clip(saturation * 1.05 + (.5 if grey else 0), 0, .92) * (.72 if colour == 'pink' else 1)
    new_value = np.clip(value * .75 + .28, 0, 1) if colour in ('yellow', 'orange', 'pink') else value
    return new_hue, new_saturation, new_value


def recolour(pixels, colour):
    main_hue, share, grey_share = dominant_hue(pixels)
    grey = share < .45 and grey_share >= .5
    hue, saturation, value = planes(pixels)
    distance = (hue - main_hue + .5) % 1 - .5
    if grey:
        mask = np.clip((value - .12) / .2, 0, 1) * np.clip(1 - (saturation - .2) / .25, 0, 1)
    else:
        mask = np.clip(1.5 - np.abs(distance) / .08, 0, 1) * np.clip((saturation - .15) / .15, 0, 1)
    new = target_planes(colour, hue, saturation, value, distance, grey)
    merged = Image.merge('HSV', [Image.fromarray((np.clip(p, 0, 1) * 255).astype(np.uint8)) for p in new]).convert('RGB')
    rgb = pixels[..., :3] * (1 - mask[..., None]) + np.asarray(merged, np.float32) * mask[..., None]
    return np.concatenate([rgb.astype(np.uint8), pixels[..., 3:]], -1)


def squared(pixels):
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image = image.crop(image.getchannel('A').getbbox())
    side = max(image.size)
    square = Image.new('RGBA', (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def aspect(square):
    """(width, height) of the opaque box relative to the longer side"""
    left, top, right, bottom = square.getchannel('A').getbbox()
    longer = max(right - left, bottom - top)
    return (right - left) / longer, (bottom - top) / longer


def reference(square):
    """What the reference encoder reads: uint8 [4, 96, 96], premultiplied."""
    rgba = np.asarray(square).astype(np.float32)
    rgba[..., :3] *= rgba[..., 3:] / 255
    small = [np.asarray(Image.fromarray(rgba[..., c].round().astype(np.uint8)).resize((REFERENCE_PX, REFERENCE_PX), Image.LANCZOS)) for c in range(4)]
    return np.stack(small)


def stable_hash(text):
    return zlib.crc32(text.encode())


def held_out(concepts, listed):
    """Whole concepts never seen in training: the listed ones and one in twelve of the rest."""
    return {k for k, c in enumerate(concepts.all) if c['name'] in listed or stable_hash(c['name']) % 12 == 0}


def held_out_combination(concept_name, scene_name):
    """One in fifteen pairs of concept and scene is never shown together."""
    return stable_hash(f'{concept_name} {scene_name}') % 15 == 0
