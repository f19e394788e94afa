"""Drawing with Pillow for procedural backgrounds: light, skies, hills, clouds, stars. Coordinates are pixels of the square that is being painted."""
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

STORED_PX = 144          # a stored background is a little larger than a picture: random crops give variety
SIDE = STORED_PX * 2     # painted at twice that and reduced, which is the anti-aliasing


@dataclass(frozen=True)
class Light:
    """What the hour does to colours: `tint` multiplies ground colours, `object_tint` the objects, `sky` replaces a scene's own."""
    name: str
    tint: tuple
    object_tint: tuple
    sky: tuple | None
    shadow: float


DAY = Light('day', (1, 1, 1), (1, 1, 1), None, .42)
SUNSET = Light('sunset', (.98, .72, .66), (1.04, .84, .74), ((92, 56, 132), (232, 100, 96), (255, 194, 110)), .38)
NIGHT = Light('night', (.26, .32, .56), (.60, .66, .94), ((12, 16, 52), (34, 40, 96), (62, 70, 138)), .5)


def mix(a, b, share):
    return tuple(int(x + (y - x) * share) for x, y in zip(a, b))


class Brush:
    """One background in the making; `flat` draws areas of one colour, as the flat look has them."""

    def __init__(self, random, flat, light=DAY):
        self.random, self.flat, self.light = random, flat, light
        self.image = Image.new('RGB', (SIDE, SIDE))
        self.draw = ImageDraw.Draw(self.image)

    def between(self, low, high):
        return self.random.uniform(low, high)

    def jitter(self, colour, amount=8):
        return tuple(int(min(255, max(0, v + self.between(-amount, amount)))) for v in colour)

    def lit(self, colour, amount=8):
        """The colour a thing on the ground has in this light."""
        return tuple(int(min(255, v * t)) for v, t in zip(self.jitter(colour, amount), self.light.tint))

    def fill(self, top, bottom, y0, y1):
        y0, y1 = max(0, int(y0)), min(SIDE, int(y1))
        if y1 <= y0:
            return
        if self.flat:
            self.draw.rectangle([0, y0, SIDE, y1], fill=mix(top, bottom, .5))
            return
        ramp = np.linspace(0, 1, y1 - y0)[:, None, None]
        rows = (np.array(top) * (1 - ramp) + np.array(bottom) * ramp).repeat(SIDE, 1)
        self.image.paste(Image.fromarray(rows.astype(np.uint8)), (0, y0))

    def sky(self, top, bottom, horizon, clouds=(0, 2), celestial=True):
        if self.light.sky is None:
            self.fill(self.jitter(top), self.jitter(bottom), 0, SIDE)
            self.clouds(self.random.randint(*clouds), highest=.3)
            return
        upper, middle, lower = (self.jitter(c, 10) for c in self.light.sky)
        if self.flat:
            for band in range(6):
                share = band / 5 * 2
                colour = mix(upper, middle, share) if share < 1 else mix(middle, lower, share - 1)
                self.draw.rectangle([0, horizon * band / 6, SIDE, horizon * (band + 1) / 6 + 2], fill=colour)
        else:
            self.fill(upper, middle, 0, horizon * .55)
            self.fill(middle, lower, horizon * .55 - 1, horizon + 4)
        self.fill(lower, lower, horizon, SIDE)
        if not celestial:
            return
        if self.light is NIGHT:
            self.stars(self.random.randint(25, 50), horizon / SIDE * .9)
            if self.random.random() < .6:
                self.disc(self.between(.1, .9) * SIDE, self.between(.1, .35) * horizon, self.between(11, 18), (248, 244, 214), soft=1)
        else:
            self.disc(self.between(.15, .85) * SIDE, horizon - self.between(-6, 14), self.between(18, 30), (255, 236, 160), soft=1.5)

    def disc(self, x, y, radius, colour, soft=0.):
        mask = Image.new('L', (SIDE, SIDE), 0)
        ImageDraw.Draw(mask).ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
        self.image.paste(colour, (0, 0), mask if self.flat or not soft else mask.filter(ImageFilter.GaussianBlur(soft)))

    def glow(self, points, colour, blur, strength=90):
        """A soft polygon or, given four numbers, ellipse of light."""
        mask = Image.new('L', (SIDE, SIDE), 0)
        pen = ImageDraw.Draw(mask)
        if isinstance(points[0], tuple):
            pen.polygon(points, fill=strength)
        else:
            pen.ellipse(points, fill=strength)
        self.image.paste(colour, (0, 0), mask if self.flat else mask.filter(ImageFilter.GaussianBlur(blur)))

    def hill(self, base, amplitude, top, bottom, waves=None, jagged=False):
        """Ground from a wavy (or jagged) edge down to the lower border; returns the edge's heights."""
        waves = waves or self.between(.6, 1.4)
        phase, xs = self.between(0, 6.28), np.arange(0, SIDE + 6, 6)
        if jagged:
            knots = np.linspace(-.1, 1.1, int(4 * waves) + 2) * SIDE
            heights = [base - (amplitude * self.between(.5, 1) if k % 2 else -amplitude * .25 * self.random.random()) for k in range(len(knots))]
            ys = np.interp(xs, knots, heights)
        else:
            ys = base - amplitude * (.6 * np.sin(xs / SIDE * 6.28 * waves + phase) + .4 * np.sin(xs / SIDE * 6.28 * waves * 2.1 + phase * 2))
        mask = Image.new('L', (SIDE, SIDE), 0)
        ImageDraw.Draw(mask).polygon([(0, SIDE), *zip(xs.tolist(), ys.tolist()), (SIDE, SIDE)], fill=255)
        first = max(0, int(ys.min()))
        ground = Image.new('RGB', (SIDE, SIDE), top if not self.flat else mix(top, bottom, .4))
        if not self.flat and first < SIDE:
            ramp = np.linspace(0, 1, SIDE - first)[:, None, None]
            rows = (np.array(top) * (1 - ramp) + np.array(bottom) * ramp).repeat(SIDE, 1)
            ground.paste(Image.fromarray(rows.astype(np.uint8)), (0, first))
        self.image.paste(ground, (0, 0), mask)
        return ys

    def clouds(self, count, highest=.4, colour=(255, 255, 255)):
        mask = Image.new('L', (SIDE, SIDE), 0)
        pen = ImageDraw.Draw(mask)
        for _ in range(count):
            x, y, size = self.between(0, SIDE), self.between(.06, highest) * SIDE, self.between(10, 24)
            for k in range(-2, 3):
                r = size * (1 - .22 * abs(k))
                pen.ellipse([x + k * size * .8 - r, y - r, x + k * size * .8 + r, y + r * .7], fill=235 if self.flat else 205)
            pen.rectangle([x - 2.4 * size, y + size * .35, x + 2.4 * size, y + size], fill=0)
        self.image.paste(colour, (0, 0), mask if self.flat else mask.filter(ImageFilter.GaussianBlur(2.5)))

    def stars(self, count, lowest=1.):
        for _ in range(count):
            x, y, r = self.between(0, SIDE), self.between(0, lowest) * SIDE, self.random.choice([1.4, 1.4, 2, 2.6])
            self.draw.ellipse([x - r, y - r, x + r, y + r], fill=self.jitter((250, 246, 225)))

    def dots(self, count, y0, y1, radii, colours):
        for _ in range(count):
            x, y, r = self.between(0, SIDE), self.between(y0, y1), self.between(*radii)
            self.draw.ellipse([x - r, y - r, x + r, y + r], fill=self.lit(self.random.choice(colours), 6))

    def round_tree(self, x, base, size, leaf, trunk=(112, 84, 62)):
        self.draw.rectangle([x - size * .09, base - size * .6, x + size * .09, base], fill=self.lit(trunk))
        for dx, dy, r in ((-.26, -.72, .3), (.26, -.72, .3), (0, -.98, .34), (0, -.66, .3)):
            self.draw.ellipse([x + size * (dx - r), base + size * (dy - r), x + size * (dx + r), base + size * (dy + r)], fill=self.lit(leaf, 5))

    def fir(self, x, base, size, leaf):
        colour = self.lit(leaf, 6)
        for k in range(3):
            width, y = size * (.5 - .1 * k), base - size * .42 * k
            self.draw.polygon([(x - width, y), (x + width, y), (x, y - size * (.62 - .04 * k))], fill=colour)

    def reduced(self):
        """uint8 [144, 144, 3]"""
        return np.asarray(self.image.resize((STORED_PX, STORED_PX), Image.LANCZOS))


def wave_points(x, base, height, sway):
    return [(x + sway * math.sin(q / 7), base - q) for q in np.arange(0, height, 3)]
