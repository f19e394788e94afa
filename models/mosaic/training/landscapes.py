"""Outdoor backgrounds: each paints itself with a brush, which knows the hour."""
import math

import numpy as np

from brush import NIGHT, SIDE, mix


def meadow(b):
    h = .60 * SIDE * b.between(.96, 1.04)
    b.sky((92, 168, 240), (196, 230, 252), h, (1, 3))
    b.hill(h - 8, 16, b.lit((126, 196, 110)), b.lit((90, 170, 84)))
    b.hill(h + 14, 8, b.lit((104, 190, 84)), b.lit((58, 140, 58)))
    b.dots(b.random.randint(8, 22), h + 30, SIDE, (2, 4.5), [(255, 255, 255), (255, 224, 110), (250, 160, 190)])


def beach(b):
    h = .47 * SIDE * b.between(.94, 1.06)
    b.sky((98, 180, 244), (206, 238, 252), h, (0, 2))
    b.fill(b.lit((24, 132, 196)), b.lit((92, 208, 220)), h, SIDE)
    for _ in range(4):
        y, x, w = b.between(h + 5, h + 30), b.between(0, SIDE), b.between(16, 50)
        b.draw.line([x, y, x + w, y], fill=b.lit((170, 226, 240)), width=2)
    shore = h + .14 * SIDE
    b.hill(shore + 8, 6, b.lit((250, 250, 245)), b.lit((250, 250, 245)), 1.2)
    b.hill(shore + 15, 5, b.lit((246, 222, 168)), b.lit((226, 188, 124)), 1.1)


def sea_at_sunset(b):
    h = .62 * SIDE * b.between(.96, 1.04)
    b.sky((0, 0, 0), (0, 0, 0), h, celestial=False)
    x, r = b.between(.2, .8) * SIDE, b.between(20, 30)
    b.disc(x, h - r * .5, r, (255, 236, 160), 1.5)
    b.fill(b.jitter((196, 96, 104)), b.jitter((70, 44, 100)), h, SIDE)
    for k in range(6):
        y, w = h + 5 + k * 9, r * (1.1 - .13 * k) * b.between(.6, 1.2)
        b.draw.rounded_rectangle([x - w, y, x + w, y + 3], 2, fill=(255, 206, 140))


def night_hills(b):
    h = .66 * SIDE * b.between(.96, 1.04)
    b.fill(b.jitter((14, 18, 58)), b.jitter((52, 58, 124)), 0, SIDE)
    b.stars(b.random.randint(30, 60), .62)
    if b.random.random() < .5:
        b.disc(b.between(.1, .9) * SIDE, b.between(.08, .3) * SIDE, b.between(12, 20), (248, 244, 214), 1)
    b.hill(h - 6, 14, b.jitter((34, 44, 92)), b.jitter((24, 32, 70)))
    b.hill(h + 16, 8, b.jitter((24, 44, 62)), b.jitter((12, 24, 40)))


def snow(b):
    h = .60 * SIDE * b.between(.96, 1.04)
    b.sky((150, 190, 230), (222, 234, 246), h, (0, 0))
    b.hill(h - 6, 12, b.lit((226, 236, 246)), b.lit((208, 222, 238)))
    for _ in range(b.random.randint(2, 6)):
        b.fir(b.between(0, SIDE), h + b.between(4, 12), b.between(36, 70), (60, 116, 110))
    b.hill(h + 16, 7, b.lit((250, 252, 255), 3), b.lit((214, 226, 242)))
    b.dots(b.random.randint(18, 40), 0, .8 * SIDE, (1.6, 3.2), [(255, 255, 255)])


def city(b, wet=False):
    h = .74 * SIDE
    dark = b.light is NIGHT
    b.sky((128, 186, 236) if not wet else (120, 132, 150), (226, 236, 244) if not wet else (176, 186, 198), h, (0, 0))
    for near, (low, high, tone) in enumerate([(.30, .62, (158, 176, 206)), (.14, .40, (104, 124, 164))]):
        x = -b.between(0, 20)
        while x < SIDE:
            w, top = b.between(30, 54), h - b.between(low, high) * SIDE
            colour = b.lit(tone, 14)
            b.draw.rectangle([x, top, x + w, h], fill=colour)
            if not b.flat:
                b.draw.rectangle([x + w * .8, top, x + w, h], fill=mix(colour, (40, 50, 90), .18))
            for wy in np.arange(top + 8, h - 8, 17) if near else ():
                for wx in np.arange(x + 7, x + w - 9, 14):
                    shining = b.random.random() < (.6 if dark else .35)
                    b.draw.rectangle([wx, wy, wx + 6, wy + 8], fill=(252, 222, 130) if shining else mix(colour, b.lit((225, 240, 255)), .5))
            x += w + b.random.choice([0, 3])
    road = [(122, 126, 138), (86, 90, 102)] if not wet else [(92, 100, 116), (64, 70, 86)]
    b.fill(b.lit(road[0]), b.lit(road[1]), h, SIDE)
    b.draw.rectangle([0, h, SIDE, h + 6], fill=b.lit((190, 192, 198)))
    for x in range(-20, SIDE, 56):
        b.draw.rectangle([x, h + 42, x + 30, h + 46], fill=b.lit((240, 236, 220)))


def rain(b):
    city(b, wet=True) if b.random.random() < .5 else rainy_field(b)
    for _ in range(b.random.randint(50, 90)):
        x, y, length = b.between(-10, SIDE), b.between(-10, SIDE), b.between(10, 20)
        b.draw.line([x, y, x - length * .25, y + length], fill=b.lit((206, 220, 236)), width=2)


def rainy_field(b):
    h = .62 * SIDE
    b.sky((112, 124, 144), (176, 188, 200), h, (0, 0))
    b.clouds(b.random.randint(3, 5), .25, b.lit((96, 106, 124)))
    b.hill(h, 10, b.lit((96, 150, 100)), b.lit((60, 108, 70)))


def forest(b):
    h = .68 * SIDE
    b.fill(b.lit((176, 220, 170)), b.lit((96, 168, 110)), 0, SIDE)
    for near, (count, colour, width) in enumerate([(9, (118, 172, 128), 8), (6, (96, 78, 60), 15)]):
        for k in range(count):
            x, w = (k + b.between(0, 1)) / count * SIDE, width * b.between(.8, 1.3)
            b.draw.rectangle([x - w / 2, 0, x + w / 2, h + 10], fill=b.lit(colour, 10))
            if near and not b.flat:
                b.draw.rectangle([x + w * .15, 0, x + w / 2, h + 10], fill=b.lit((70, 54, 44)))
    b.dots(12, -.04 * SIDE, .12 * SIDE, (24, 46), [(48, 124, 70), (64, 146, 78), (36, 104, 62)])
    b.hill(h + 4, 6, b.lit((86, 152, 72)), b.lit((44, 100, 50)))


def jungle(b):
    h = .70 * SIDE
    b.fill(b.lit((196, 232, 150)), b.lit((70, 150, 90)), 0, SIDE)
    for k in range(10):
        x, sway = (k + b.between(0, 1)) / 10 * SIDE, b.between(-30, 30)
        b.draw.line([(x, 0), (x + sway * .3, h * .5), (x + sway, h)], fill=b.lit((58, 112, 64), 14), width=int(b.between(5, 11)))
    for _ in range(26):
        x, y, length, angle = b.between(0, SIDE), b.random.choice([b.between(-10, 70), b.between(h - 50, h)]), b.between(26, 56), b.between(0, 6.28)
        tip = (x + length * math.cos(angle), y + length * math.sin(angle))
        side = (-math.sin(angle) * length * .2, math.cos(angle) * length * .2)
        middle = ((x + tip[0]) / 2, (y + tip[1]) / 2)
        leaf = [(x, y), (middle[0] + side[0], middle[1] + side[1]), tip, (middle[0] - side[0], middle[1] - side[1])]
        b.draw.polygon(leaf, fill=b.lit(b.random.choice([(34, 110, 58), (52, 140, 66), (84, 168, 76)]), 8))
    b.hill(h + 4, 6, b.lit((92, 130, 60)), b.lit((56, 84, 44)))


def desert(b):
    h = .58 * SIDE * b.between(.96, 1.04)
    b.sky((116, 190, 236), (250, 232, 190), h, (0, 0))
    b.hill(h - 4, 16, b.lit((236, 186, 116)), b.lit((214, 158, 90)), b.between(.5, .8))
    b.hill(h + 22, 14, b.lit((246, 206, 134)), b.lit((220, 164, 92)), b.between(.5, .8))


def mountains(b, snowy=False):
    h = .68 * SIDE * b.between(.96, 1.04)
    b.sky((118, 184, 240), (222, 238, 250), h, (0, 2))
    peaks = [(228, 236, 246), (176, 194, 220)] if snowy else [(128, 152, 190), (160, 180, 206)]
    b.hill(h - 20, 84, b.lit(peaks[0]), b.lit(peaks[1]), 1., True)
    b.hill(h - 8, 48, b.lit((206, 220, 238) if snowy else (88, 116, 152)), b.lit((150, 170, 200) if snowy else (112, 140, 160)), 1.3, True)
    ground = [(248, 250, 255), (216, 228, 244)] if snowy else [(112, 180, 100), (66, 132, 70)]
    b.hill(h + 8, 6, b.lit(ground[0], 4), b.lit(ground[1]))


def snowy_mountains(b):
    mountains(b, snowy=True)
    b.dots(b.random.randint(0, 24), 0, .8 * SIDE, (1.6, 3), [(255, 255, 255)])


def garden(b):
    h = .58 * SIDE * b.between(.97, 1.03)
    b.sky((110, 186, 246), (212, 238, 252), h, (0, 2))
    for k in range(-1, 9):
        b.dots(1, h - 8, h, (18, 30), [(70, 150, 76), (86, 166, 84)])
    for k in range(0, SIDE, 22) if b.random.random() < .6 else ():
        b.draw.polygon([(k, h + 8), (k, h - 34), (k + 7, h - 42), (k + 14, h - 34), (k + 14, h + 8)], fill=b.lit((250, 246, 238), 3))
    b.hill(h + 8, 3, b.lit((124, 196, 92)), b.lit((72, 148, 64)))
    for _ in range(b.random.randint(14, 30)):
        x, y, r = b.between(0, SIDE), b.between(h + 14, SIDE), b.between(4, 7)
        petal = b.lit(b.random.choice([(244, 96, 120), (255, 200, 80), (190, 120, 230), (255, 255, 255), (250, 140, 60)]))
        for angle in np.arange(0, 6.28, 1.26):
            px, py = x + r * math.cos(angle), y + r * math.sin(angle)
            b.draw.ellipse([px - r * .7, py - r * .7, px + r * .7, py + r * .7], fill=petal)
        b.draw.ellipse([x - r * .6, y - r * .6, x + r * .6, y + r * .6], fill=b.lit((255, 226, 120)))


def park(b):
    h = .58 * SIDE * b.between(.97, 1.03)
    b.sky((120, 190, 244), (216, 240, 250), h, (0, 2))
    b.hill(h, 5, b.lit((134, 196, 96)), b.lit((88, 160, 72)))
    for _ in range(b.random.randint(4, 7)):
        b.round_tree(b.between(0, SIDE), h + b.between(0, 12), b.between(60, 110), b.random.choice([(74, 156, 78), (98, 176, 84), (226, 150, 70)]))
    x = b.between(.2, .8) * SIDE
    b.draw.polygon([(x - 12, h + 12), (x + 12, h + 12), (x + 110, SIDE), (x - 90, SIDE)], fill=b.lit((226, 206, 168)))


def farm(b):
    h = .56 * SIDE * b.between(.97, 1.03)
    b.sky((112, 184, 240), (222, 240, 250), h, (0, 2))
    b.hill(h, 6, b.lit((180, 200, 96)), b.lit((150, 180, 80)))
    x, size = b.between(.1, .8) * SIDE, b.between(40, 60)
    red = b.lit((196, 70, 60))
    b.draw.rectangle([x - size / 2, h - size * .6, x + size / 2, h + 8], fill=red)
    b.draw.polygon([(x - size * .6, h - size * .58), (x, h - size * 1.05), (x + size * .6, h - size * .58)], fill=mix(red, (40, 30, 40), .35))
    b.draw.rectangle([x - size * .15, h - size * .25, x + size * .15, h + 8], fill=b.lit((250, 244, 236)))
    b.fill(b.lit((226, 196, 96)), b.lit((190, 150, 66)), h + 8, SIDE)
    vanish = b.between(.3, .7) * SIDE
    for k in range(-8, 18):
        b.draw.line([vanish + (k - 5) * 12, h + 8, vanish + (k - 5) * 60, SIDE], fill=b.lit((170, 132, 60)), width=3)


def lake(b):
    h = .48 * SIDE * b.between(.97, 1.03)
    b.sky((120, 190, 242), (218, 238, 250), h, (0, 2))
    b.hill(h - 14, 40, b.lit((110, 140, 170)), b.lit((130, 160, 180)), 1.1, True)
    for k in range(14):
        b.fir((k + b.random.random()) / 14 * SIDE, h + 2, b.between(24, 44), (48, 112, 82))
    b.fill(b.lit((72, 150, 196)), b.lit((44, 110, 160)), h, SIDE)
    for _ in range(12):
        y, x, w = b.between(h + 6, .74 * SIDE), b.between(0, SIDE), b.between(16, 60)
        b.draw.line([x, y, x + w, y], fill=b.lit((140, 200, 226)), width=2)
    b.hill(.76 * SIDE, 5, b.lit((116, 178, 92)), b.lit((70, 132, 66)))


def sky_high(b):
    b.sky((84, 164, 244), (204, 232, 252), SIDE, (2, 5))
    b.clouds(b.random.randint(3, 6), .95, b.lit((255, 255, 255)))


def road(b):
    h = .56 * SIDE * b.between(.97, 1.03)
    b.sky((112, 182, 240), (224, 240, 250), h, (0, 3))
    b.hill(h, 14, b.lit((150, 186, 110)), b.lit((112, 160, 84)))
    x = b.between(.35, .65) * SIDE
    b.draw.polygon([(x - 10, h + 8), (x + 10, h + 8), (SIDE * 1.1, SIDE), (-SIDE * .1, SIDE)], fill=b.lit((104, 106, 116)))
    for k in range(5):
        y, width = h + 12 + k * k * 7, 2 + k * 2
        b.draw.polygon([(x - width, y), (x + width, y), (x + width * 1.4, y + 6 + k * 5), (x - width * 1.4, y + 6 + k * 5)], fill=b.lit((244, 238, 214)))
