"""
Distributions rather than single pictures.

    python measures.py frechet --against <folder>      distance of painted from rendered pictures with the same captions
    python measures.py diversity --against <folder>    how far sixteen seeds of a prompt lie from each other
    python measures.py adherence                       attributes seen by the judge, by guidance and by number of steps

The feature space is that of the last layer but one of the judge's network for whole pictures (384 numbers), reduced to the 32 principal components of renders.
"""
import argparse
import random

import numpy as np
import torch
import torch.nn.functional as F

from captions import caption
from concepts import Concepts
from evaluate import SEEDS_PROMPT
from judge import WHOLE_PX, Judge, Renders, held_out_prompts, judged
from sample import Graphs
from train_vae import as_pictures
from workplace import CHECKPOINTS, EXPORT

COMPONENTS, HELD_OUT_ROWS, SEEDS, STEPS = 32, 24, 16, 8
GUIDANCES, STEP_COUNTS, ASKED = (1., 1.5, 2.5, 4.), (2, 4, 8, 20), 60
DIVERSITY_PROMPTS = (SEEDS_PROMPT, 'a red {automobile} in a city 3d style', 'a {robot} on a beach at sunset 3d style', 'a {cat} and a {dog} in a garden flat style')


def loaded_judge():
    judge = Judge()
    judge.load_state_dict(torch.load(CHECKPOINTS / 'judge.pt')['judge'])
    return judge.eval()


@torch.no_grad()
def features(judge, pictures):
    """uint8 [n, 128, 128, 3] -> [n, 384]"""
    parts = [judge.whole[:-1](F.interpolate(x, (WHOLE_PX, WHOLE_PX), mode='area')) for x in as_pictures(pictures).split(100)]
    return torch.cat(parts).double().numpy()


class Space:
    def __init__(self, judge, pictures):
        known = features(judge, pictures)
        self.judge, self.mean = judge, known.mean(0)
        values, directions = np.linalg.eigh(np.cov((known - self.mean).T))
        self.axes = directions[:, -COMPONENTS:] / np.sqrt(values[-COMPONENTS:].mean())   # one scale for all, so that distances can be read

    def __call__(self, pictures):
        return (features(self.judge, pictures) - self.mean) @ self.axes


def frechet(a, b):
    """Distance of two Gaussians with the means and covariances of the two sets."""
    first, second = np.cov(a.T), np.cov(b.T)
    root = np.sqrt(np.linalg.eigvals(first @ second).real.clip(min=0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * root)


def spread(x):
    """Mean distance of two of the points [n, COMPONENTS]."""
    return float(np.linalg.norm(x[:, None] - x[None], axis=-1).sum() / (len(x) * (len(x) - 1)))


def held_out_rows(renders, count, seed, concepts):
    """Rendered pictures that were never trained on, and captions that say what is on them."""
    rng, pictures, prompts = random.Random(seed), [], []
    while len(pictures) < count:
        shard, attributes = rng.choice(renders.shards)
        k = rng.randrange(len(shard) - HELD_OUT_ROWS, len(shard))
        if attributes[k].get('graded'):
            continue
        text = caption(attributes[k], rng, True)
        for slot, entry in enumerate(attributes[k]['objects']):
            text = text.replace(f'<s{slot}>', f'{{{concepts.all[entry["concept"]]["name"]}}}')
        pictures.append(shard[k])
        prompts.append(text)
    return np.stack(pictures), prompts


def print_frechet(folders, bank, count):
    judge, renders = loaded_judge(), Renders()
    space = Space(judge, held_out_rows(renders, 800, 1, bank)[0])
    truth, prompts = held_out_rows(renders, count, 2, bank)
    print('renders against other renders', round(frechet(space(held_out_rows(renders, count, 3, bank)[0]), space(truth)), 2), flush=True)
    for folder in folders:
        graphs = Graphs(folder, bank)
        painted = np.stack([graphs.paint(prompt, seed, steps=STEPS)[0] for seed, prompt in enumerate(prompts)])
        print(folder, 'against renders', round(frechet(space(painted), space(truth)), 2), flush=True)


def print_diversity(folders, bank):
    judge, renders = loaded_judge(), Renders()
    known = held_out_rows(renders, 800, 1, bank)[0]
    space = Space(judge, known)
    print('renders of anything', round(spread(space(known[:100])), 2), flush=True)
    for folder in folders:
        graphs = Graphs(folder, bank)
        print(folder, [round(spread(space(np.stack([graphs.paint(p, seed, steps=STEPS)[0] for seed in range(SEEDS)]))), 2) for p in DIVERSITY_PROMPTS], flush=True)


def print_adherence(folder, bank):
    judge, graphs, asked = loaded_judge(), Graphs(folder, bank), held_out_prompts(bank, ASKED)
    for guidance in GUIDANCES:
        print('guidance', guidance, judged(judge, graphs, asked, STEPS, guidance), flush=True)
    for steps in STEP_COUNTS:
        print('steps', steps, judged(judge, graphs, asked, steps), flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=['frechet', 'diversity', 'adherence'])
    parser.add_argument('--graphs', default=str(EXPORT))
    parser.add_argument('--against')
    parser.add_argument('--pictures', type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    asked_folders = list(filter(None, (arguments.graphs, arguments.against)))
    if arguments.what == 'frechet':
        print_frechet(asked_folders, Concepts(), arguments.pictures)
    elif arguments.what == 'diversity':
        print_diversity(asked_folders, Concepts())
    else:
        print_adherence(arguments.graphs, Concepts())
