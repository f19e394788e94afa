"""
Predicts each object's box from the caption and the object's shape. Trains in about a minute.

    python layout.py        fits it on the captions and boxes of all shards -> layout.pt
"""
import json
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from captions import caption
from vocabulary import MAX_TOKENS, Vocabulary
from workplace import CHECKPOINTS, DATA, save_atomically

WORD_WIDTH, HIDDEN, SHAPE_FEATURES = 96, 192, 5
STEPS, BATCH, PEAK_RATE = 4000, 256, 3e-3
REPEATS = 3   # wordings per picture


class Layout(nn.Module):
    """All words, the words near the slot, the object's shape -> mean and log deviation of (centre x, centre y, log side)."""

    def __init__(self, words):
        super().__init__()
        self.anywhere = nn.Parameter(torch.randn(words, WORD_WIDTH) * .3)
        self.near = nn.Parameter(torch.randn(words, WORD_WIDTH) * .3)
        self.distance = nn.Parameter(torch.zeros(2 * MAX_TOKENS))
        self.first = nn.Linear(2 * WORD_WIDTH + SHAPE_FEATURES + 1, HIDDEN)
        self.second = nn.Linear(HIDDEN, HIDDEN)
        self.out = nn.Linear(HIDDEN, 6)

    def forward(self, tokens, at, shape):
        """tokens [n, 16]; at [n, s]; shape [n, s, 5] = width, height (of the longer side), floats, flat look, slots - 1 -> [n, s, 3] twice"""
        slots = at.shape[1]
        given = (tokens > 0).float()
        everywhere = (F.embedding(tokens, self.anywhere) * given[..., None]).sum(1)
        offset = torch.arange(MAX_TOKENS)[None, None] - at[..., None] + MAX_TOKENS
        weight = self.distance[offset].exp() * given[:, None]
        around = torch.matmul(weight / weight.sum(-1, keepdim=True).clamp(min=1e-6), F.embedding(tokens, self.near))
        index = torch.arange(slots).float()[None, :, None].expand(at.shape[0], -1, 1)
        features = torch.cat([everywhere[:, None].expand(-1, slots, -1) * .3, around, shape, index], -1)
        out = self.out(F.silu(self.second(F.silu(self.first(features)))))
        return out[..., :3], out[..., 3:].clamp(-4, 2)


def normalised(box):
    return torch.stack([(box[..., 0] / 128 - .5) * 4, (box[..., 1] / 128 - .5) * 4, (box[..., 2].clamp(min=1) / 64).log() * 2], -1)


def examples():
    """slots -> (tokens, at, shape, normalised box)"""
    rng, vocabulary, rows = random.Random(4), Vocabulary(), {}
    for path in sorted(DATA.glob('attributes-*.json')):
        for attributes in json.loads(path.read_text()):
            objects = attributes['objects']
            shape = [[*o['aspect'], float(o['floats']), float(attributes['flat']), len(objects) - 1.] for o in objects]
            for _ in range(REPEATS):
                tokens = vocabulary.encode(caption(attributes, rng, rng.random() < .6))
                at = [tokens.index(vocabulary.slot(k)) if vocabulary.slot(k) in tokens else 0 for k in range(len(objects))]
                rows.setdefault(len(objects), []).append((tokens, at, shape, [o['box'] for o in objects]))
    return {slots: [torch.tensor(np.array([row[k] for row in found]), dtype=torch.long if k < 2 else torch.float) for k in range(4)] for slots, found in rows.items()}


def likelihood_loss(model, tokens, at, shape, box):
    mean, log_deviation = model(tokens, at, shape)
    return (.5 * ((normalised(box) - mean) / log_deviation.exp()).pow(2) + log_deviation).mean()


def fit():
    torch.manual_seed(1)
    data, model = examples(), Layout(len(Vocabulary().words))
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=.01)
    kinds = [1, 2, 2, 3]
    for step in range(STEPS):
        optimiser.param_groups[0]['lr'] = PEAK_RATE * min(1, step / 50) * (1 - step / (STEPS + 1))
        rows = data[kinds[step % len(kinds)]]
        pick = torch.randint(len(rows[0]) - 300, (BATCH,))
        loss = likelihood_loss(model, *(column[pick] for column in rows))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimiser.step()
    with torch.no_grad():
        print('held-out loss by number of objects', {slots: round(likelihood_loss(model, *(c[-300:] for c in rows)).item(), 3) for slots, rows in data.items()})
    save_atomically(model.state_dict(), CHECKPOINTS / 'layout.pt')


if __name__ == '__main__':
    torch.set_num_threads(1)
    fit()
