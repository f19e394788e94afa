"""
Contact sheets for eyes, and the VAE's figures.

    python evaluate.py --graphs export --against <folder with other graphs>

prompts.png: per prompt alpha-pasting (the baseline to beat), the other graphs, these graphs. seeds.png: sixteen seeds of one prompt.
unseen.png: concepts that no training picture showed.
"""
import argparse
import random

import numpy as np
from PIL import Image, ImageDraw

from brush import DAY, NIGHT, SUNSET
from concepts import Concepts
from sample import Graphs
from scenes import SCENES, paint
from workplace import EXPORT, SHEETS

LIGHTS = {'day': DAY, 'sunset': SUNSET, 'night': NIGHT}
# scene and hour serve only the alpha-pasting baseline, which cannot read
PROMPTS = (
    ('a big {dog face} on grass 3d style', 'meadow', 'day'), ('a red {automobile} on a beach at sunset 3d style', 'beach', 'sunset'),
    ('a blue {cat} and a red {fish} on a table 3d', 'table', 'day'), ('a {rocket} in space 3d style', 'space', 'night'),
    ('a {castle} in the snowy mountains 3d style', 'snowy_mountains', 'day'), ('a {lion} in a jungle 3d style', 'jungle', 'day'),
    ('a pink {automobile} in a city at night 3d style', 'city', 'night'), ('a {penguin} in the snow flat style', 'snow', 'day'),
    ('a green {teapot} in a kitchen 3d style', 'kitchen', 'day'), ('a {horse} on a farm at sunset 3d', 'farm', 'sunset'),
    ('a {sailboat} by a lake 3d style', 'lake', 'day'), ('a purple {umbrella} in the rain 3d style', 'rain', 'day'),
    ('a black {cat} on the left in a garden 3d style', 'garden', 'day'), ('a {owl} in a forest at night 3d style', 'forest', 'night'),
    ('a {shark} underwater 3d style', 'underwater', 'day'), ('a yellow {balloon} and a purple {balloon} in the sky 3d', 'sky', 'day'),
    ('a {robot} on a stage cinematic 3d style', 'stage', 'day'), ('a small {cactus} in the desert at night 3d', 'desert', 'night'),
    ('a {cat} on top of a {automobile} on a road 3d', 'road', 'day'), ('a {teddy bear} in a room 3d style', 'room', 'day'),
    ('a {dragon} in a cave 3d style', 'cave', 'night'), ('a big {fox} in a forest flat style', 'forest', 'day'),
    ('a white {rabbit} and a brown {bear} in a meadow 3d', 'meadow', 'day'), ('a {hamburger} on a wooden table 3d', 'table', 'day'),
    ('a big purple {red heart} on a pink background 3d', 'plain', 'day'), ('a {ghost} in a city at night 3d style', 'city', 'night'),
    ('a {tiger} and a {rooster} and a {pig} on a farm 3d', 'farm', 'day'), ('a green {mushroom} in a park flat style', 'park', 'day'),
    ('a {crown} on a purple background 3d style', 'plain', 'day'), ('a {octopus} underwater flat style', 'underwater', 'day'),
    ('an {astronaut} in the desert cinematic 3d style', 'desert', 'day'), ('a turquoise {guitar} on a beach 3d style', 'beach', 'day'))
SEEDS_PROMPT = 'a {fox} in a forest 3d style'
UNSEEN_PROMPTS = tuple(f'a {{{name}}} {where} 3d style' for name, where in (
    ('elephant', 'in a jungle'), ('giraffe', 'at sunset'), ('koala', 'in a forest'), ('frog', 'by a lake'), ('mage', 'in a cave'), ('strawberry', 'on a table'),
    ('helicopter', 'in the sky'), ('church', 'in the snow'), ('alarm clock', 'in a bedroom'), ('ninja', 'in a city at night')))
GAP_PX = 14


def pasted(graphs, prompt, scene_name, hour, seed):
    """Plain alpha-pasting of the sprites into the same boxes on a procedural background: no light, no shadow, no colour words."""
    _, boxes, squares = graphs.paint(prompt, seed, steps=1)
    scene = next(s for s in SCENES if s.name == scene_name)
    colour = next((w for w in prompt.split()[::-1] if w in ('pink', 'purple', 'blue', 'red', 'white')), None) if scene_name == 'plain' else None
    image = Image.fromarray(paint(scene, random.Random(seed), 'flat' in prompt.split(), LIGHTS[hour], colour)[8:136, 8:136])
    for (x, y, side), square in zip(boxes, squares):
        sprite = square.resize((round(side),) * 2, Image.LANCZOS)
        image.paste(sprite, (round(x - side / 2), round(y - side / 2)), sprite)
    return np.asarray(image)


def sheet(columns, labels):
    """Columns of equally many pictures, with a label under each."""
    height = 128
    image = Image.new('RGB', (len(columns) * 128, len(columns[0]) * height + GAP_PX), 'white')
    draw = ImageDraw.Draw(image)
    for k, (pictures, label) in enumerate(zip(columns, labels)):
        for i, picture in enumerate(pictures):
            image.paste(Image.fromarray(picture), (k * 128, i * height))
        draw.text((k * 128 + 2, len(pictures) * height + 1), label[:22], fill='black')
    return image


def stacked(images, path):
    whole = Image.new('RGB', (max(i.width for i in images), sum(i.height for i in images)), 'white')
    top = 0
    for image in images:
        whole.paste(image, (0, top))
        top += image.height
    whole.save(path)


def prompt_sheets(graphs, other, seed, each=8):
    columns, labels = [], []
    for prompt, scene, hour in PROMPTS:
        triple = [pasted(graphs, prompt, scene, hour, seed)]
        if other:
            triple.append(other.paint(prompt, seed)[0] if prompt.count('{') < 3 else triple[0] * 0)
        columns.append([*triple, graphs.paint(prompt, seed)[0]])
        labels.append(prompt.replace(' 3d style', '').replace(' 3d', ''))
    for part, first in enumerate(range(0, len(columns), 2 * each)):
        halves = [slice(first, first + each), slice(first + each, first + 2 * each)]
        stacked([sheet(columns[h], labels[h]) for h in halves], SHEETS / f'prompts-{part}.png')


def row_sheet(pictures, labels, path, each=8):
    parts = [slice(k, k + each) for k in range(0, len(pictures), each)]
    stacked([sheet([[p] for p in pictures[part]], labels[part]) for part in parts], path)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--graphs', default=str(EXPORT))
    parser.add_argument('--against')
    parser.add_argument('--seed', type=int, default=1)
    arguments = parser.parse_args()
    bank = Concepts()
    new, old = Graphs(arguments.graphs, bank), Graphs(arguments.against, bank) if arguments.against else None
    prompt_sheets(new, old, arguments.seed)
    row_sheet([new.paint(SEEDS_PROMPT, seed)[0] for seed in range(16)], [f'seed {seed}' for seed in range(16)], SHEETS / 'seeds.png')
    row_sheet([new.paint(p, arguments.seed)[0] for p in UNSEEN_PROMPTS], list(UNSEEN_PROMPTS), SHEETS / 'unseen.png', each=5)
