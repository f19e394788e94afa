"""The backgrounds: how each is painted, in which light, where its ground lies, what hides the feet of an object, and how people call it."""
import colorsys
import math
from dataclasses import dataclass
from typing import Callable

import numpy as np
from PIL import Image

from brush import DAY, NIGHT, SIDE, SUNSET, Brush, mix, wave_points
from landscapes import (beach, city, desert, farm, forest, garden, jungle, lake, meadow, mountains, night_hills, park, rain, road, sea_at_sunset, sky_high, snow,
                        snowy_mountains)

PLAIN = {'white': (246, 246, 248), 'gray': (176, 180, 188), 'black': (34, 35, 42), 'red': (226, 88, 82), 'orange': (250, 172, 96),
         'yellow': (250, 222, 116), 'green': (140, 206, 140), 'blue': (122, 180, 240), 'purple': (172, 142, 226), 'pink': (248, 178, 204),
         'brown': (150, 110, 84), 'turquoise': (120, 210, 204)}


@dataclass(frozen=True)
class Scene:
    """`cover` names what overlaps an object's foot; `air`: everything floats; `ground`: where feet stand, as shares of the picture's height."""
    name: str
    paint: Callable
    phrases: tuple
    lights: tuple = (DAY,)
    cover: str = 'none'
    air: bool = False
    ground: tuple = (.80, .93)


def pastel(b, low, high, value=(.85, .97)):
    return tuple(int(255 * v) for v in colorsys.hsv_to_rgb(b.random.random(), b.between(low, high), b.between(*value)))


def plain(b, colour=None):
    colour = b.jitter(PLAIN[colour or b.random.choice(list(PLAIN))], 6)
    if b.flat:
        b.image.paste(colour, (0, 0, SIDE, SIDE))
        return
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    shade = 1.06 - .32 * ((x - .5) ** 2 + (y - .42) ** 2)
    shade = shade * np.where(y > .68, 1 - .10 * np.clip((y - .68) / .10, 0, 1) * (1.15 - y), 1)
    b.image.paste(Image.fromarray(np.clip(np.array(colour) * shade[..., None], 0, 255).astype(np.uint8)))


def gradient(b):
    hue = b.random.random()
    ends = [colorsys.hsv_to_rgb(h % 1, b.between(.22, .42), b.between(.94, 1)) for h in (hue, hue + b.random.choice([.16, .3, -.2]))]
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    angle = b.between(.5, 1.1)
    share = np.clip((x * math.cos(angle) + y * math.sin(angle)) / 1.35, 0, 1)[..., None]
    share = np.floor(share * 4.99) / 4 if b.flat else share
    b.image.paste(Image.fromarray(((np.array(ends[0]) * (1 - share) + np.array(ends[1]) * share) * 255).astype(np.uint8)))


def table(b):
    h = .62 * SIDE * b.between(.96, 1.04)
    wall = pastel(b, .12, .3, (.78, .95))
    b.fill(mix(wall, (255, 255, 255), .25), wall, 0, SIDE)
    for _ in range(0 if b.flat else 4):
        x, y, r = b.between(0, SIDE), b.between(0, h), b.between(18, 40)
        b.glow([x - r, y - r, x + r, y + r], (255, 250, 235), 5)
    b.fill(b.jitter((198, 138, 84)), b.jitter((150, 92, 50)), h, SIDE)
    b.draw.rectangle([0, h, SIDE, h + 5], fill=b.jitter((222, 168, 112)))
    for k in (12, 32, 60, 96):
        b.draw.line([0, h + k, SIDE, h + k], fill=(138, 84, 46), width=2)


def kitchen(b):
    h = .64 * SIDE * b.between(.97, 1.03)
    tile = pastel(b, .06, .16, (.9, .98))
    b.fill(tile, tile, 0, h)
    for k in range(0, SIDE, 26):
        b.draw.line([k, 0, k, h], fill=mix(tile, (120, 120, 130), .22), width=2)
        b.draw.line([0, k, SIDE, k], fill=mix(tile, (120, 120, 130), .22), width=2) if k < h else None
    cupboard, x = pastel(b, .2, .4, (.6, .85)), b.between(-.1, .5) * SIDE
    for k in range(3):
        b.draw.rectangle([x + k * 62, 0, x + k * 62 + 58, .24 * SIDE], fill=cupboard)
        b.draw.ellipse([x + k * 62 + 46, .19 * SIDE, x + k * 62 + 52, .19 * SIDE + 6], fill=(240, 236, 226))
    b.fill(b.jitter((232, 226, 216)), b.jitter((206, 198, 186)), h, SIDE)
    b.draw.rectangle([0, h, SIDE, h + 6], fill=(246, 242, 236))


def underwater(b):
    h = .80 * SIDE
    b.fill(b.jitter((78, 196, 224)), b.jitter((14, 84, 150)), 0, SIDE)
    for _ in range(4):
        x, w = b.between(-.1, 1) * SIDE, b.between(14, 34)
        b.glow([(x, 0), (x + w, 0), (x + w * 1.8 + 60, h), (x + 60 - w * .3, h)], (220, 250, 255), 4, 46)
    b.hill(h + 4, 6, b.jitter((222, 202, 150)), b.jitter((160, 150, 120)))
    for _ in range(b.random.randint(3, 6)):
        b.draw.line(wave_points(b.between(0, SIDE), h + 12, b.between(24, 56), 5), fill=b.jitter((40, 140, 96), 16), width=7)
    for _ in range(b.random.randint(6, 14)):
        x, y, r = b.between(0, SIDE), b.between(0, .78) * SIDE, b.between(2, 6)
        b.draw.ellipse([x - r, y - r, x + r, y + r], outline=(214, 246, 255), width=2)


def space(b):
    b.fill((16, 12, 40), (16, 12, 40), 0, SIDE)
    for _ in range(3):
        x, y, r = b.between(0, SIDE), b.between(0, SIDE), b.between(50, 110)
        b.glow([x - r, y - r * .6, x + r, y + r * .6], b.random.choice([(110, 50, 150), (40, 70, 160), (150, 50, 110)]), 26)
    b.stars(b.random.randint(50, 90))


def room(b):
    h = .66 * SIDE * b.between(.96, 1.04)
    wall = pastel(b, .15, .35)
    b.fill(mix(wall, (255, 255, 255), .2), mix(wall, (60, 50, 60), .08), 0, SIDE)
    x, y, w, tall, frame = b.random.choice([.08, .58, .6]) * SIDE, .10 * SIDE, .32 * SIDE, .36 * SIDE, 6
    b.draw.rectangle([x, y, x + w, y + tall], fill=(250, 250, 250))
    pane = (162, 212, 246) if b.random.random() < .7 else (40, 48, 100)
    for i in (0, 1):
        for k in (0, 1):
            left, top = x + frame + i * (w - frame) / 2, y + frame + k * (tall - frame) / 2
            b.draw.rectangle([left, top, x + (i + 1) * (w - frame) / 2, y + (k + 1) * (tall - frame) / 2], fill=b.jitter(pane, 6))
    b.fill(b.jitter((206, 160, 112)), b.jitter((170, 120, 78)), h, SIDE)
    b.draw.rectangle([0, h - 8, SIDE, h], fill=(248, 246, 242))
    for k in range(-4, 14):
        b.draw.line([SIDE / 2 + (k - 5) * 34, h, SIDE / 2 + (k - 5) * 74, SIDE], fill=(154, 106, 68), width=2)


def cave(b):
    h = .74 * SIDE
    b.fill(b.jitter((44, 36, 52)), b.jitter((84, 70, 88)), 0, SIDE)
    x, y, r = b.between(.3, .7) * SIDE, b.between(.35, .5) * SIDE, b.between(50, 80)
    b.glow([x - r, y - r, x + r, y + r], b.random.choice([(240, 190, 110), (120, 190, 220), (150, 220, 180)]), 22, 170)
    for k in range(9):
        sx, width, length = (k + b.random.random()) / 9 * SIDE, b.between(14, 30), b.between(30, 100)
        b.draw.polygon([(sx - width, -2), (sx + width, -2), (sx, length)], fill=b.jitter((52, 44, 60), 8))
    b.hill(h, 8, b.jitter((92, 78, 92)), b.jitter((52, 44, 58)))


def stage(b):
    h = .72 * SIDE
    red = b.random.choice([(150, 24, 40), (70, 30, 110), (24, 60, 120)])
    b.fill(b.jitter(red), b.jitter(mix(red, (0, 0, 0), .4)), 0, SIDE)
    for k in range(0, SIDE, 24):
        b.draw.rectangle([k, 0, k + 9, h], fill=mix(red, (0, 0, 0), .3))
    b.fill(b.jitter((150, 104, 68)), b.jitter((92, 60, 40)), h, SIDE)
    x = b.between(.3, .7) * SIDE
    b.glow([(x - 10, -4), (x + 10, -4), (x + 96, SIDE * .86), (x - 96, SIDE * .86)], (255, 244, 206), 6, 84)


OUTDOORS = (DAY, SUNSET, NIGHT)
SCENES = (
    Scene('plain', plain, ()),
    Scene('gradient', gradient, ('on a pastel gradient', 'with a gradient background', 'pastel background'), air=True),
    Scene('meadow', meadow, ('on grass', 'in a meadow', 'on green grass under a blue sky', 'in a green field', 'in a field', 'on the grass'), OUTDOORS, 'grass'),
    Scene('beach', beach, ('on a beach', 'at the beach', 'on the sand by the sea', 'on the beach', 'by the ocean'), OUTDOORS, 'sand'),
    Scene('sea_at_sunset', sea_at_sunset, ('at sunset', 'with a sunset', 'by the sea at sunset', 'at dusk', 'in the evening'), (SUNSET,)),
    Scene('night_hills', night_hills, ('at night', 'under the stars', 'in a starry night', 'in the dark'), (NIGHT,), 'grass'),
    Scene('snow', snow, ('in the snow', 'in winter', 'on snow', 'in a snowy field'), OUTDOORS, 'snow'),
    Scene('city', city, ('in a city', 'on a city street', 'in the street', 'in front of buildings', 'in a town'), OUTDOORS),
    Scene('table', table, ('on a table', 'on a wooden table', 'on a wood table', 'on a desk')),
    Scene('forest', forest, ('in a forest', 'in the woods', 'among trees', 'in the forest'), OUTDOORS, 'grass'),
    Scene('desert', desert, ('in a desert', 'in the desert', 'on a sand dune', 'on dunes'), OUTDOORS, 'sand'),
    Scene('underwater', underwater, ('underwater', 'under the sea', 'in the ocean', 'under water'), cover='sand', air=True),
    Scene('space', space, ('in space', 'in outer space', 'among the stars', 'in the galaxy'), (NIGHT,), air=True),
    Scene('room', room, ('in a room', 'indoors', 'at home', 'in a bedroom', 'in a house')),
    Scene('mountains', mountains, ('in the mountains', 'with mountains', 'in front of mountains', 'on a mountain'), OUTDOORS, 'grass'),
    Scene('snowy_mountains', snowy_mountains, ('in the snowy mountains', 'in snowy mountains', 'in front of snowy mountains'), OUTDOORS, 'snow'),
    Scene('rain', rain, ('in the rain', 'on a rainy day', 'in a storm', 'in rainy weather'), (DAY, NIGHT)),
    Scene('garden', garden, ('in a garden', 'in the garden', 'among flowers', 'in a flower garden'), OUTDOORS, 'grass'),
    Scene('kitchen', kitchen, ('in a kitchen', 'in the kitchen', 'on a kitchen counter')),
    Scene('park', park, ('in a park', 'in the park', 'under trees'), OUTDOORS, 'grass'),
    Scene('farm', farm, ('on a farm', 'in front of a barn', 'in a wheat field', 'at the farm'), OUTDOORS),
    Scene('lake', lake, ('by a lake', 'at the lake', 'near a lake', 'by the river'), OUTDOORS, 'grass', ground=(.84, .95)),
    Scene('cave', cave, ('in a cave', 'inside a cave', 'in a dark cave'), (NIGHT,)),
    Scene('jungle', jungle, ('in a jungle', 'in the jungle', 'in a rainforest'), OUTDOORS, 'grass'),
    Scene('sky', sky_high, ('in the sky', 'above the clouds', 'among clouds', 'in the clouds'), OUTDOORS, air=True),
    Scene('road', road, ('on a road', 'on the road', 'on a highway'), OUTDOORS),
    Scene('stage', stage, ('on a stage', 'on stage', 'in a theater')),
)


def paint(scene, random, flat, light, colour=None):
    """One background, uint8 [144, 144, 3]; `colour` only for the plain one."""
    brush = Brush(random, flat, light)
    if scene.name == 'plain':
        scene.paint(brush, colour)
    else:
        scene.paint(brush)
    return brush.reduced()
