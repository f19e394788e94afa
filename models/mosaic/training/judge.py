"""
Attribute accuracy: small classifiers, trained on renders, look at painted pictures of held-out combinations of concept and scene. Their own accuracy on
renders they never saw is printed beside: no figure means more than that one.

    python judge.py --minutes 2 --prompts 96 --against <folder with other graphs>
"""
import argparse
import json
import random
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from captions import caption
from concepts import COLOURS, Concepts, held_out_combination
from render_data import training_concepts
from sample import GUIDANCE, Graphs
from scenes import SCENES
from workplace import CHECKPOINTS, DATA, EXPORT, save_atomically

WHOLE_PX, CROP_PX, HELD_OUT, BATCH, PEAK_RATE = 64, 32, 200, 96, 3e-3
SCENE_NAMES, LIGHT_NAMES = [s.name for s in SCENES], ['day', 'sunset', 'night']
HEADS = {'scene': len(SCENE_NAMES), 'light': len(LIGHT_NAMES), 'look': 2, 'colour': len(COLOURS)}


def network(outputs):
    layers, channels = [], 3
    for width in (32, 64, 96):
        layers += [nn.Conv2d(channels, width, 3, 2, 1), nn.BatchNorm2d(width), nn.SiLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(channels * 4, outputs))


class Judge(nn.Module):
    """One network sees the whole picture, another the object's box."""

    def __init__(self):
        super().__init__()
        self.whole, self.crop = network(sum(HEADS.values()) - HEADS['colour']), network(HEADS['colour'])

    def forward(self, whole, crop):
        scene, light, look = self.whole(whole).split([HEADS['scene'], HEADS['light'], HEADS['look']], 1)
        return {'scene': scene, 'light': light, 'look': look, 'colour': self.crop(crop)}


def views(picture, box):
    """uint8 [128, 128, 3] and (x, y, side) -> what the two networks see"""
    x = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float()[None] / 127.5 - 1
    centre_x, centre_y, half = box[0], box[1], box[2] / 2
    left, top = int(max(0, centre_x - half)), int(max(0, centre_y - half))
    crop = x[:, :, top:max(top + 8, int(centre_y + half)), left:max(left + 8, int(centre_x + half))]
    return F.interpolate(x, (WHOLE_PX, WHOLE_PX), mode='area')[0], F.interpolate(crop, (CROP_PX, CROP_PX), mode='area')[0]


def targets(attributes, which):
    """-1 where there is nothing to say."""
    colour = attributes['objects'][which]['colour']
    return [SCENE_NAMES.index(attributes['scene']), LIGHT_NAMES.index(attributes['light']), int(attributes['flat']), COLOURS.index(colour) if colour else -1]


class Renders:
    def __init__(self):
        self.shards = [(np.load(path, mmap_mode='r'), json.loads((DATA / path.name.replace('pictures', 'attributes').replace('.npy', '.json')).read_text()))
                       for path in sorted(DATA.glob('pictures-*.npy')) if path.stem.split('-')[1].isdigit()]

    def batch(self, rng, size, held_out=False):
        rows = []
        for _ in range(size):
            pictures, attributes = rng.choice(self.shards)
            k = rng.randrange(len(pictures) - HELD_OUT, len(pictures)) if held_out else rng.randrange(len(pictures) - HELD_OUT)
            which = rng.randrange(len(attributes[k]['objects']))
            rows.append((*views(pictures[k], attributes[k]['objects'][which]['box']), targets(attributes[k], which)))
        return torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows]), torch.tensor([r[2] for r in rows])


def accuracy(guesses, truth):
    """Share of right answers by attribute, where there is one."""
    shares = {}
    for column, name in enumerate(HEADS):
        said = truth[:, column] >= 0
        shares[name] = round((guesses[name].argmax(1) == truth[:, column])[said].float().mean().item(), 3)
    return shares


def train(minutes):
    renders, rng, judge, started, step = Renders(), random.Random(1), Judge(), time.time(), 0
    optimiser = torch.optim.AdamW(judge.parameters(), lr=PEAK_RATE, weight_decay=.02)
    while (share := (time.time() - started) / (minutes * 60)) < 1:
        optimiser.param_groups[0]['lr'] = PEAK_RATE * (1 - share) + 1e-5
        whole, crop, truth = renders.batch(rng, BATCH)
        guesses = judge(whole, crop)
        loss = sum(F.cross_entropy(guesses[name], truth[:, column], ignore_index=-1) for column, name in enumerate(HEADS))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
    judge.eval()
    with torch.no_grad():
        whole, crop, truth = renders.batch(random.Random(2), 1000, held_out=True)
        figures = accuracy(judge(whole, crop), truth)
    print('judge: steps', step, 'accuracy on held-out renders', figures, flush=True)
    save_atomically({'judge': judge.state_dict(), 'figures': figures}, CHECKPOINTS / 'judge.pt')
    return judge


def held_out_prompts(concepts, count):
    """Attributes of single objects before scenes that they were never shown with, and a caption that says all of them."""
    rng, ids, chosen = random.Random(11), training_concepts(concepts), []
    while len(chosen) < count:
        concept, scene = rng.choice(ids), rng.choice(SCENES)
        if not held_out_combination(concepts.all[concept]['name'], scene.name):
            continue
        colour = rng.choice(COLOURS) if concepts.paintable[concept] else None
        attributes = {'flat': rng.random() < .3, 'scene': scene.name, 'light': rng.choice(scene.lights).name, 'plain': 'white' if scene.name == 'plain' else None,
                      'cinematic': False, 'relation': 'centre', 'objects': [{'colour': colour, 'size': 'medium'}]}
        chosen.append((attributes, caption(attributes, rng, True).replace('<s0>', f'{{{concepts.all[concept]["name"]}}}')))
    return chosen


def judged(judge, graphs, prompts, steps, guidance=GUIDANCE):
    rows = []
    for seed, (attributes, prompt) in enumerate(prompts):
        picture, boxes, _ = graphs.paint(prompt, seed, steps=steps, guidance=guidance)
        rows.append((*views(picture, boxes[0]), targets(attributes, 0)))
    with torch.no_grad():
        return accuracy(judge(torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows])), torch.tensor([r[2] for r in rows]))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=2, help='training of the judge; 0 takes the one that was trained before')
    parser.add_argument('--prompts', type=int, default=96)
    parser.add_argument('--graphs', default=str(EXPORT))
    parser.add_argument('--against')
    parser.add_argument('--steps', type=int, nargs='*', default=[20])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    if arguments.minutes:
        painted_judge = train(arguments.minutes)
    else:
        painted_judge = Judge()
        painted_judge.load_state_dict(torch.load(CHECKPOINTS / 'judge.pt')['judge'])
        painted_judge.eval()
    bank = Concepts()
    asked = held_out_prompts(bank, arguments.prompts)
    for folder in (arguments.graphs, arguments.against):
        for count in arguments.steps if folder else ():
            print(folder, 'steps', count, judged(painted_judge, Graphs(folder, bank), asked, count), flush=True)
