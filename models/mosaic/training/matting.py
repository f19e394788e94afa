"""
A small network that cuts things out of pictures and guesses how near everything is: trained on the compositor's exact alphas and nearness, and on cut-outs
pasted over textures, so that it survives pictures that look like nothing in the data set.

    python matting.py --minutes 10          trains, measures on renders of things that were held out, writes the graph
    python matting.py --minutes 0           measures and writes only
"""
import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image

from compose import Composer
from concepts import HELD_OUT_FILE, Concepts, held_out
from export import batch_axes, write
from guides import graded, random_grade
from train_vae import as_pictures, shipped_photographs
from workplace import CHECKPOINTS, DATA, SHEETS, save_atomically

CHECKPOINT = CHECKPOINTS / 'matting.pt'
WIDTHS, BATCH, PEAK_RATE = (20, 36, 52, 68), 32, 3e-3
UNSEEN_PICTURES, GRADED_SHARE, TEXTURED_SHARE = 150, .5, .4
HELD_OUT = 24


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.a, self.b = nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.b(F.silu(self.a(F.silu(x))))


class Matting(nn.Module):
    """image [n, 3, 128, 128] in -1..1 -> alpha, nearness [n, 1, 128, 128] in 0..1"""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(12, WIDTHS[0], 3, padding=1)
        self.downs = nn.ModuleList([nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(WIDTHS, WIDTHS[1:])])
        self.blocks = nn.ModuleList([Block(width) for width in WIDTHS[1:-1]])
        self.whole = nn.Linear(WIDTHS[-1], WIDTHS[-1])
        self.ups = nn.ModuleList([nn.Conv2d(b, a, 1) for a, b in zip(WIDTHS, WIDTHS[1:])])
        self.merges = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for width in WIDTHS[:-1]])
        self.out = nn.Conv2d(WIDTHS[0], 8, 3, padding=1)

    def logits(self, image):
        x, kept = self.stem(F.pixel_unshuffle(image, 2)), []
        for k, down in enumerate(self.downs):
            kept.append(x)
            x = down(F.silu(x))
            x = self.blocks[k](x) if k < len(self.blocks) else x
        x = x + self.whole(F.silu(x).mean((2, 3)))[:, :, None, None]
        for k in reversed(range(len(self.ups))):
            x = kept[k] + F.interpolate(self.ups[k](F.silu(x)), scale_factor=2, mode='nearest')
            x = x + self.merges[k](F.silu(x))
        return F.pixel_shuffle(self.out(F.silu(x)), 2)

    def forward(self, image):
        logits = torch.sigmoid(self.logits(image))
        return logits[:, :1], logits[:, 1:]


class Source:
    """Renders with their exact alpha and nearness; cut-outs over textures, of which only the alpha is known."""

    def __init__(self, seed):
        self.random, self.rng = random.Random(seed), np.random.default_rng(seed)
        numbers = [path.stem.split('-')[1] for path in sorted(DATA.glob('guides-*.npy')) if (DATA / f'attributes-{path.stem.split("-")[1]}.json').exists()]
        self.shards = [[np.load(DATA / f'{name}-{k}.npy', mmap_mode='r') for name in ('pictures', 'guides', 'references')] for k in numbers]
        self.textures = np.load(DATA / 'textures.npy', mmap_mode='r')

    def render(self):
        pictures, guides, _ = self.random.choice(self.shards)
        row = self.random.randrange(len(pictures) - HELD_OUT)
        return pictures[row], guides[row, 1], guides[row, 0], 1.

    def texture(self):
        return self.textures[self.random.randrange(len(self.textures))][:128, :128].astype(np.float32)

    def pasted(self):
        _, _, references = self.random.choice(self.shards)
        cut_out = torch.tensor(references[self.random.randrange(len(references)), 0]).float()[None] / 255
        angle, scale, flip = self.random.gauss(0, .3), self.random.uniform(.9, 2.2), self.random.choice((-1, 1))
        turn = torch.tensor([[np.cos(angle) * flip, -np.sin(angle)], [np.sin(angle) * flip, np.cos(angle)]]) * scale
        shift = torch.tensor([[self.random.gauss(0, .3 * scale)], [self.random.gauss(0, .3 * scale)]])
        grid = F.affine_grid(torch.cat([turn, shift], 1)[None].float(), (1, 4, 128, 128), align_corners=False)
        cut_out = F.grid_sample(cut_out, grid, align_corners=False)[0].permute(1, 2, 0).numpy()
        rgb, alpha = cut_out[..., :3] * 255, cut_out[..., 3:]
        if self.random.random() < .4:   # a thing with a texture of its own
            rgb = rgb + self.random.uniform(.2, .9) * (self.texture() * alpha - rgb)
        picture = (rgb + self.texture() * (1 - alpha)).clip(0, 255).astype(np.uint8)
        return picture, (alpha[..., 0] * 255).astype(np.uint8), np.zeros((128, 128), np.uint8), 0.

    def batch(self, size):
        rows = [self.render() if self.random.random() > TEXTURED_SHARE else self.pasted() for _ in range(size)]
        pictures = [graded(p, random_grade(self.random)) if self.random.random() < GRADED_SHARE else p for p, *_ in rows]
        maps = torch.from_numpy(np.stack([np.stack([a, d]) for _, a, d, _ in rows])).float() / 255
        return as_pictures(np.stack(pictures)), maps, torch.tensor([known for *_, known in rows])


def unseen_renders():
    """Pictures of things that no training picture shows, their alphas, and the first thing's reference and box."""
    path = DATA / 'unseen.npz'
    if not path.exists():
        concepts = Concepts()
        composer = Composer(concepts, sorted(held_out(concepts, json.loads((Path(__file__).parent / HELD_OUT_FILE).read_text()))), random.Random(77))
        rows = [composer.picture(1 + k % 2) for k in range(UNSEEN_PICTURES)]
        np.savez(path, pictures=np.stack([r[0] for r in rows]), guides=np.stack([r[1] for r in rows]), references=np.stack([r[2][0] for r in rows]),
                 boxes=np.array([r[4]['objects'][0]['box'] for r in rows]),
                 attributes=json.dumps([r[4] for r in rows]))
    return np.load(path)


def overlap(alpha, truth):
    """Intersection over union of what is more than half there, by picture."""
    a, b = alpha > .5, truth > .5
    return ((a & b).sum((1, 2, 3)) / (a | b).sum((1, 2, 3)).clamp(min=1)).mean().item()


@torch.no_grad()
def measure(model):
    unseen = unseen_renders()
    alpha, nearness = model(as_pictures(unseen['pictures']))
    truth = torch.from_numpy(unseen['guides']).float() / 255
    print(f'things never shown: mask IoU {overlap(alpha, truth[:, 1:]):.3f}, alpha off by {(alpha - truth[:, 1:]).abs().mean():.4f}, nearness by {(nearness - truth[:, :1]).abs().mean():.4f}')
    photographs = shipped_photographs()
    shown = [unseen['pictures'][:13]] + ([photographs] if photographs is not None else [])
    rows = []
    for pictures in shown:
        alpha, nearness = (x[:, 0, :, :, None].numpy() for x in model(as_pictures(pictures)))
        rows += [pictures, np.repeat(nearness, 3, 3) * 255, pictures * alpha + 255 * (1 - alpha)]
    Image.fromarray(np.concatenate([np.concatenate(list(row[:13]), 1) for row in rows], 0).clip(0, 255).astype(np.uint8)).save(SHEETS / 'matting.png')


def train(minutes):
    model, source, started, step = Matting(), Source(3), time.time(), 0
    if CHECKPOINT.exists():
        model.load_state_dict(torch.load(CHECKPOINT))
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=.01)
    average = [p.detach().clone() for p in model.parameters()]
    while (share := (time.time() - started) / (minutes * 60)) < 1:
        optimiser.param_groups[0]['lr'] = PEAK_RATE * min(1, (step + 1) / 50) * (1 - share) + 1e-5
        pictures, maps, known = source.batch(BATCH)
        logits = model.logits(pictures)
        nearness = ((torch.sigmoid(logits[:, 1:]) - maps[:, 1:]).abs().mean((1, 2, 3)) * known).mean()
        loss = F.binary_cross_entropy_with_logits(logits[:, :1], maps[:, :1]) + (torch.sigmoid(logits[:, :1]) - maps[:, :1]).abs().mean() + nearness
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimiser.step()
        torch._foreach_lerp_(average, [p.detach() for p in model.parameters()], 1 - min(.99, 1 - 1 / (step * .1 + 2)))
        step += 1
        if step % 50 == 0:
            print('step', step, round(loss.item(), 4), flush=True)
    for parameter, mean in zip(model.parameters(), average):
        parameter.data.copy_(mean)
    save_atomically(model.state_dict(), CHECKPOINT)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(3)
    if arguments.minutes:
        train(arguments.minutes)
    trained = Matting()
    trained.load_state_dict(torch.load(CHECKPOINT))
    trained.eval()
    measure(trained)
    write(trained, [(torch.rand(2, 3, 128, 128) * 2 - 1,)], 'matting', ['image'], ['alpha', 'nearness'], batch_axes('image', 'alpha', 'nearness'))
