"""One training picture: a background, one to three posed and lit objects with shadows, and everything that is known about it."""
import itertools
import math

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from brush import NIGHT, STORED_PX, SUNSET
from concepts import COLOURS, LOOKS, REFERENCE_PX, aspect, held_out_combination, reference, squared
from guides import graded as with_grade, ground_nearness, object_nearness, random_grade
from scenes import PLAIN, SCENES, paint

PICTURE_PX = 128
FRAME = 1.5              # an object's patch is half as large again as its box: rotated corners stick out
BACKGROUNDS_EACH = 8       # per shard; every shard paints its own
SIDES = {'small': (38, 50), 'medium': (62, 84), 'big': (94, 114)}
GROUP_WEIGHT = {0: .5, 1: .6, 3: 2., 4: 1.4, 5: 1.4, 6: 1.2, 7: 1.2, 8: .15}   # emojibase groups: faces, people, animals, food, places, activities, things, symbols
FURTHER_VIEWS = 2          # more pictures of each thing, for references of several pictures
GRADED_SHARE = .3
RELATIONS = ('left', 'right', 'near', 'near', 'above', 'on', 'behind')


def background_pool(random):
    """(scene, look is flat, light) -> stored backgrounds; for the plain scene the key ends with the colour."""
    pool = {}
    for scene in SCENES:
        for flat in (False, True):
            for light in scene.lights:
                for colour in PLAIN if scene.name == 'plain' else (None,):
                    count = 2 if colour else BACKGROUNDS_EACH
                    pool[scene.name, flat, light.name, colour] = [paint(scene, random, flat, light, colour) for _ in range(count)]
    return pool


def rotation(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, s], [-s, c]])


def random_pose(random):
    """Maps coordinates of the object's box to those of the reference: a mirror image at times, a turn, a slant."""
    flip = np.diag([-1. if random.random() < .35 else 1., 1.])
    turn = rotation(max(-24, min(24, random.gauss(0, 7)))) if random.random() < .8 else np.eye(2)
    slant = np.array([[1., random.gauss(0, .05)], [0., 1.]])
    return flip @ turn @ slant


def small_deviation(random):
    """What the picture does beyond the pose the canvas shows, so that the model redraws and does not copy pixels."""
    stretch = np.diag([math.exp(random.gauss(0, .035)), math.exp(random.gauss(0, .035))])
    return rotation(random.gauss(0, 3)) @ stretch


def posed(square, pose, side, random):
    """Transformed at twice the size and reduced; with a little perspective."""
    patch = max(8, round(side * FRAME))
    source = square.resize((max(4, round(side * 2)),) * 2, Image.LANCZOS)
    half_source, half_patch = source.width / 2, patch
    scale = half_source / (half_patch / FRAME)
    (a, b), (d, e) = pose * scale
    c, f = half_source - (a + b) * half_patch, half_source - (d + e) * half_patch
    g, h = (random.gauss(0, .05) / half_patch for _ in range(2))
    norm = 1 - (g + h) * half_patch   # the centre stays where it is
    coefficients = (a + half_source * g, b + half_source * h, c - half_source * (g + h) * half_patch, d + half_source * g, e + half_source * h,
                    f - half_source * (g + h) * half_patch, g, h)
    big = source.convert('RGBa').transform((patch * 2, patch * 2), Image.PERSPECTIVE, [v / norm for v in coefficients], Image.BILINEAR)
    return big.reduce(2).convert('RGBA')


def relit(patch, light, towards, cinematic, flat):
    """Tint of the hour, a shaded side, and a bright rim on the side of the light."""
    rgba = np.asarray(patch).astype(np.float32)
    tint = np.array(light.object_tint)
    if not flat:
        ramp = np.linspace(1, -1, patch.width)[None, :, None] * towards + np.linspace(.5, -.7, patch.height)[:, None, None]
        rgba[..., :3] *= 1 + (.17 if cinematic else .10) * ramp
        rim = np.asarray(ImageChops.subtract(patch.getchannel('A'), ImageChops.offset(patch.getchannel('A'), int(2 * towards) or 1, 1))).astype(np.float32)
        strength = .75 if cinematic else .5 if light in (SUNSET, NIGHT) else .2
        rgba[..., :3] += rim[..., None] / 255 * strength * np.array([255, 226, 190] if light is not NIGHT else [170, 190, 255])
    rgba[..., :3] *= tint
    return Image.fromarray(np.clip(rgba, 0, 255).astype(np.uint8))


def shadow_under(image, patch, x, y, light, flat, towards):
    left, top, right, bottom = patch.getchannel('A').getbbox()
    width, foot = right - left, y + bottom
    blot = Image.new('L', (round(width * 1.3) + 8, max(8, round(width * .26)) + 8), 0)
    ImageDraw.Draw(blot).ellipse([width * .12 + 4, 4, width * 1.16 + 4, blot.height - 4], fill=int(255 * (light.shadow if not flat else .22)))
    blot = blot.filter(ImageFilter.GaussianBlur(.8 if flat else max(1.5, width * .035)))
    if not flat:
        cast = patch.getchannel('A').crop((left, top, right, bottom)).resize((width, max(4, round((bottom - top) * .28))))
        lean = -.9 * towards
        cast = cast.transform((width * 2, cast.height), Image.AFFINE, (1, lean * width / cast.height * .5, -width / 2 - lean * width * .5, 0, 1, 0), Image.BILINEAR)
        cast = cast.filter(ImageFilter.GaussianBlur(1.6)).point(lambda v: int(v * light.shadow * .55))
        image.paste((18, 16, 36), (round(x + left - width / 2), round(foot - cast.height + 1)), cast)
    image.paste((16, 14, 34), (round(x + left + width / 2 - blot.width / 2), round(foot - blot.height * .62)), blot)


def cover_foot(image, background, patch, x, y, kind, random):
    """Grass blades or a little mound in the ground's own colours in front of the foot."""
    left, _, right, bottom = patch.getchannel('A').getbbox()
    foot, width = min(PICTURE_PX - 2, y + bottom), right - left
    draw = ImageDraw.Draw(image)
    sample = lambda px: background.getpixel((int(min(PICTURE_PX - 1, max(0, px))), int(max(0, min(PICTURE_PX - 1, foot + 1)))))
    if kind == 'grass':
        for _ in range(int(width * .5)):
            px, tall = x + left + random.uniform(-.05, 1.05) * width, random.uniform(2, 6)
            colour = tuple(int(v * random.uniform(.75, 1.18)) for v in sample(px))
            draw.polygon([(px - 1, foot + 2), (px + 1, foot + 2), (px + random.uniform(-2, 2), foot - tall)], fill=colour)
    else:
        for k in range(5):
            px = x + left + width * (k + random.random()) / 5
            r = random.uniform(.08, .18) * width
            draw.ellipse([px - r, foot - random.uniform(.5, 3), px + r, foot + r * .35], fill=tuple(min(255, int(v * random.uniform(.97, 1.03))) for v in sample(px)))


def graded(image):
    """The cinematic look: contrast, teal shadows and warm lights, dark corners."""
    a = np.asarray(image).astype(np.float32) / 255
    light = a.mean(-1, keepdims=True)
    a = a + (a - .5) * .18 + (light - .5) * np.array([.10, .02, -.08]) - .03
    y, x = np.mgrid[-1:1:PICTURE_PX * 1j, -1:1:PICTURE_PX * 1j]
    a = a * (1 - .42 * np.clip(x * x + y * y - .35, 0, 2)[..., None] * .8)
    return Image.fromarray((np.clip(a, 0, 1) * 255).astype(np.uint8))


class Composer:
    def __init__(self, concepts, train_ids, random):
        self.concepts, self.ids, self.random = concepts, train_ids, random
        self.weights = list(itertools.accumulate(GROUP_WEIGHT.get(concepts.all[k]['group'], 1) for k in train_ids))
        self.pool = background_pool(random)

    def colours_of(self, concept):
        """(colour of the reference, colour of the painted object, whether a word says it)"""
        r = self.random
        if not self.concepts.paintable[concept] or r.random() < .42:
            return None, None, False
        if r.random() < .12:
            own = r.choice(COLOURS)
            return own, own, False
        return (r.choice(COLOURS) if r.random() < .15 else None), r.choice(COLOURS), True

    def choose(self, count, scene):
        chosen = []
        while len(chosen) < count:
            concept = self.random.choices(self.ids, cum_weights=self.weights)[0]
            if concept not in chosen and not held_out_combination(self.concepts.all[concept]['name'], scene.name):
                chosen.append(concept)
        return chosen

    def layout(self, count):
        """Sides and centres (as shares of the width), the relation, and words for size and place."""
        r = self.random
        if count == 1:
            size = r.choices(list(SIDES), [.2, .42, .38])[0]
            place = 'centre' if size == 'big' else r.choices(['left', 'centre', 'right'], [.25, .5, .25])[0]
            x = {'left': (.24, .32), 'centre': (.45, .55), 'right': (.68, .76)}[place]
            return [r.uniform(*SIDES[size])], [r.uniform(*x)], place, [size]
        if count == 3:
            return [r.uniform(36, 45) for _ in range(3)], [x + r.uniform(-.02, .02) for x in (.19, .5, .81)], 'row', ['medium'] * 3
        relation, sizes = r.choice(RELATIONS), ['medium', 'medium']
        sides = [r.uniform(46, 60) for _ in range(2)]
        if relation in ('left', 'right', 'near') and r.random() < .3:
            big = r.randrange(2)
            sides[big], sides[1 - big] = r.uniform(62, 70), r.uniform(34, 42)
            sizes = ['big', 'small'] if big == 0 else ['small', 'big']
        if relation in ('above', 'on', 'behind'):
            x = r.uniform(.4, .6)
            centres = [x + r.uniform(-.06, .06), x] if relation != 'behind' else [x, x + r.choice([-1, 1]) * r.uniform(.14, .2)]
            return sides, centres, relation, sizes
        centres = [r.uniform(.25, .29), r.uniform(.71, .75)]
        return sides, centres[::-1] if relation == 'right' else centres, relation, sizes

    def foot_of(self, k, relation, side, scene, floating):
        """Height of an object's lowest point in pixels; None where it stands on the object that is placed after it."""
        r = self.random
        if relation == 'above' and k == 0:
            return r.uniform(.40, .46) * PICTURE_PX
        if relation == 'on' and k == 0:
            return None
        if relation == 'behind' and k == 0:
            return r.uniform(.72, .78) * PICTURE_PX
        if scene.air or floating:
            return PICTURE_PX / 2 + side / 2 + r.uniform(-9, 9) - (r.uniform(4, 14) if floating and not scene.air else 0)
        low, high = scene.ground
        return r.uniform(low, high) * PICTURE_PX if side < 92 else r.uniform(.92, .98) * PICTURE_PX

    def setting(self):
        """What two pictures may have in common, so that one is the style reference of the other."""
        r = self.random
        flat = r.random() < .42
        scene = r.choice(SCENES) if r.random() < .9 else SCENES[0]
        light = r.choice(scene.lights) if r.random() < .5 else scene.lights[0]
        colour = r.choice(list(PLAIN)) if scene.name == 'plain' else None
        cinematic = not flat and scene.name != 'plain' and r.random() < .10
        stored = r.choice(self.pool[scene.name, flat, light.name, colour])
        return flat, scene, light, colour, cinematic, stored, random_grade(r) if r.random() < GRADED_SHARE else None

    def picture(self, count, setting=None):
        """Everything a shard holds of one picture: picture, nearness and alpha of the things in it, references, further views, attributes."""
        r = self.random
        flat, scene, light, colour, cinematic, stored, grade = setting or self.setting()
        stored = Image.fromarray(stored)
        x0, y0 = r.randrange(STORED_PX - PICTURE_PX + 1), r.randrange(STORED_PX - PICTURE_PX + 1)
        background = stored.crop((x0, y0, x0 + PICTURE_PX, y0 + PICTURE_PX))
        background = background.transpose(Image.FLIP_LEFT_RIGHT) if r.random() < .5 else background
        image, towards = background.copy(), r.choice([-1, 1]) * r.uniform(.4, 1)
        ground = ground_nearness(scene, PICTURE_PX)
        nearness, alpha = Image.fromarray(ground), Image.new('L', image.size)
        sides, centres, relation, sizes = self.layout(count)
        objects, references, views, patches, feet = [], [], [], [], [None] * count
        for k, concept in enumerate(self.choose(count, scene)):
            entry, square, patch, more = self.object(concept, flat, sides[k])
            views.append(more)
            floating = self.concepts.all[concept]['floats']
            feet[k] = self.foot_of(k, relation, sides[k], scene, floating)
            entry |= {'size': sizes[k], 'floats': floating, 'grounded': not (scene.air or floating or (k == 0 and relation in ('above', 'on')))}
            objects.append(entry)
            references.append(reference(square))
            patches.append(relit(patch, light, towards, cinematic, flat))
        if relation == 'on' and count == 2:
            upper = patches[1].getchannel('A').getbbox()
            feet[0] = feet[1] - (upper[3] - upper[1]) * .88
        for k, (entry, patch) in enumerate(zip(objects, patches)):
            at = self.place(image, background, entry, patch, centres[k] * PICTURE_PX, feet[k], sides[k], scene, light, flat, towards)
            foot = at[1] + patch.getchannel('A').getbbox()[3]
            nearness.paste(object_nearness(ground, foot, entry['grounded']), at, patch.getchannel('A'))
            alpha.paste(255, at, patch.getchannel('A'))
        image = np.asarray(graded(image) if cinematic else image)
        attributes = {'flat': flat, 'scene': scene.name, 'light': light.name, 'plain': colour, 'cinematic': cinematic, 'graded': grade is not None,
                      'relation': relation, 'objects': objects}
        return (with_grade(image, grade) if grade else image), np.stack([nearness, alpha]), np.stack(references), np.stack(views), attributes

    def object(self, concept, flat, side):
        r = self.random
        look = ('modern' if r.random() < .25 else 'flat') if flat else '3d'
        seen = look if r.random() < .72 else r.choice(LOOKS)
        seen_colour, colour, said = self.colours_of(concept)
        shown, painted = self.concepts.sprite(concept, seen, seen_colour), self.concepts.sprite(concept, look, colour)
        pose = random_pose(r)
        patch = posed(painted, pose @ small_deviation(r), side, r)
        return {'concept': concept, 'colour': colour if said else None, 'pose': pose.round(4).tolist(), 'aspect': aspect(shown), 'same_look': seen == look}, shown, patch, self.views(concept, seen_colour)

    def views(self, concept, colour):
        """The same thing in other looks and poses: uint8 [FURTHER_VIEWS, 4, 96, 96]."""
        r = self.random
        patches = [posed(self.concepts.sprite(concept, r.choice(LOOKS), colour), random_pose(r), REFERENCE_PX, r) for _ in range(FURTHER_VIEWS)]
        return np.stack([reference(squared(np.asarray(patch))) for patch in patches])

    def place(self, image, background, entry, patch, centre_x, foot, side, scene, light, flat, towards):
        left, top, right, bottom = patch.getchannel('A').getbbox()
        x = min(max(centre_x - (left + right) / 2, 2 - left), PICTURE_PX - 2 - right)
        y = min(max(foot - bottom, 2 - top), PICTURE_PX - 2 - bottom)
        x, y = round(x), round(y)
        if entry['grounded']:
            shadow_under(image, patch, x, y, light, flat, towards)
        image.paste(patch, (x, y), patch)
        if entry['grounded'] and scene.cover != 'none' and self.random.random() < .8:
            cover_foot(image, background, patch, x, y, scene.cover, self.random)
        entry['box'] = [x + patch.width / 2, y + patch.height / 2, side]
        return x, y
