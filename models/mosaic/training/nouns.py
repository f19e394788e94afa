"""
Names and recognises things: one small network sees the crop of a picture and a reference, trained so that crops lie near their own reference and far from
others. It says which of N concepts a painted thing is, and how alike the two are; its own accuracy on renders of things it never saw is printed beside.

    python nouns.py --minutes 5 --against <folder with other graphs>
"""
import argparse
import random
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from concepts import Concepts, reference
from judge import HELD_OUT, Renders
from matting import unseen_renders
from render_data import training_concepts
from sample import Graphs
from workplace import CHECKPOINTS, DATA, EXPORT, save_atomically

CROP_PX, FEATURES, BATCH, PEAK_RATE, TEMPERATURE = 48, 128, 96, 2e-3, .07
CANDIDATES, PLACES = 100, ('on a beach', 'in a forest', 'in a city', 'on a table', 'in the snow', 'in a room', 'in the desert', 'in a garden')
CHECKPOINT = CHECKPOINTS / 'nouns.pt'


class Recogniser(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 3
        for width in (32, 64, 96, 128):
            layers += [nn.Conv2d(channels, width, 3, 2, 1), nn.BatchNorm2d(width), nn.SiLU()]
            channels = width
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * (CROP_PX // 16) ** 2, FEATURES))

    def forward(self, x):
        return F.normalize(self.layers(x), dim=1)


def cropped(picture, box):
    """uint8 [128, 128, 3] and (x, y, side) -> [3, 48, 48] in -1..1"""
    x = F.pad(torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float()[None] / 127.5 - 1, (64, 64, 64, 64), mode='replicate')
    side = max(8, int(box[2]))
    left, top = int(box[0] - side / 2) + 64, int(box[1] - side / 2) + 64
    return F.interpolate(x[:, :, top:top + side, left:left + side], (CROP_PX, CROP_PX), mode='area')[0]


def shown(references, background):
    """premultiplied [n, 4, 96, 96] in 0..1 over a colour: [n, 3, 48, 48] in -1..1"""
    over = references[:, :3] + background * (1 - references[:, 3:])
    return F.interpolate(over * 2 - 1, (CROP_PX, CROP_PX), mode='area')


class Pairs(Renders):
    def __init__(self):
        super().__init__()
        self.numbers = [path.stem.split('-')[1] for path in sorted(DATA.glob('pictures-*.npy')) if path.stem.split('-')[1].isdigit()]
        self.references = [np.load(DATA / f'references-{k}.npy', mmap_mode='r') for k in self.numbers]

    def pairs(self, rng, size):
        crops, references = [], []
        while len(crops) < size:
            k = rng.randrange(len(self.shards))
            pictures, attributes = self.shards[k]
            row = rng.randrange(len(pictures) - HELD_OUT)
            which = rng.randrange(len(attributes[row]['objects']))
            crops.append(cropped(pictures[row], attributes[row]['objects'][which]['box']))
            references.append(torch.tensor(self.references[k][row, which]))
        return torch.stack(crops), shown(torch.stack(references).float() / 255, torch.rand(size, 3, 1, 1))


def train(minutes):
    pairs, rng, model, started, step = Pairs(), random.Random(1), Recogniser(), time.time(), 0
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=.02)
    while (share := (time.time() - started) / (minutes * 60)) < 1:
        optimiser.param_groups[0]['lr'] = PEAK_RATE * (1 - share) + 1e-5
        crops, references = pairs.pairs(rng, BATCH)
        likeness = model(crops) @ model(references).T / TEMPERATURE
        truth = torch.arange(BATCH)
        loss = F.cross_entropy(likeness, truth) + F.cross_entropy(likeness.T, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
    save_atomically(model.state_dict(), CHECKPOINT)
    print('steps', step, 'loss', round(loss.item(), 3), flush=True)


def references_of(concepts, ids):
    return shown(torch.from_numpy(np.stack([reference(concepts.sprite(k, '3d')) for k in ids])).float() / 255, torch.full((1, 3, 1, 1), .6))


@torch.no_grad()
def recognised(model, crops, candidates, truth):
    """(share named right among the candidates, mean likeness to the right one)"""
    likeness = model(crops) @ model(candidates).T
    return (likeness.argmax(1) == truth).float().mean().item(), likeness[torch.arange(len(truth)), truth].mean().item()


def own_accuracy(model, concepts):
    """On renders of things that were never shown, among all things of those renders (their own references, whatever their colour)."""
    unseen = unseen_renders()
    boxes = unseen['boxes']
    crops = torch.stack([cropped(p, b) for p, b in zip(unseen['pictures'], boxes)])[:CANDIDATES]
    candidates = shown(torch.from_numpy(unseen['references']).float() / 255, torch.full((1, 3, 1, 1), .6))[:CANDIDATES]
    return recognised(model, crops, candidates, torch.arange(len(crops)))


def painted(graphs, concepts, ids, seed):
    crops = []
    for k, concept in enumerate(ids):
        picture, boxes, _ = graphs.paint(f'a {{{concepts.all[concept]["name"]}}} {PLACES[k % len(PLACES)]} 3d style', seed + k)
        crops.append(cropped(picture, boxes[0]))
    return torch.stack(crops)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=5, help='training; 0 takes the network that was trained before')
    parser.add_argument('--things', type=int, default=CANDIDATES, help='seen ones and as many unseen ones')
    parser.add_argument('--graphs', default=str(EXPORT))
    parser.add_argument('--against')
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    if arguments.minutes:
        train(arguments.minutes)
    recogniser, bank = Recogniser(), Concepts()
    recogniser.load_state_dict(torch.load(CHECKPOINT))
    recogniser.eval()
    print('renders of unseen things: right of %d %.3f, likeness %.3f' % (CANDIDATES, *own_accuracy(recogniser, bank)), flush=True)
    trained = training_concepts(bank)
    known, unknown = (random.Random(5).sample(ids, arguments.things) for ids in (trained, sorted(set(range(len(bank.all))) - set(trained))))
    for folder in filter(None, (arguments.graphs, arguments.against)):
        for label, ids in (('seen', known), ('unseen', unknown)):
            right, alike = recognised(recogniser, painted(Graphs(folder, bank), bank, ids, 100), references_of(bank, ids), torch.arange(len(ids)))
            print(f'{folder}: {label} things named right of {len(ids)} {right:.3f}, likeness {alike:.3f}', flush=True)
