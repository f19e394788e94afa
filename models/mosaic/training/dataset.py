"""Batches for the denoiser from the rendered shards; encodes a shard's latents the first time it is used and picks up new shards while training runs."""
import json
import random

import numpy as np
import torch

from captions import caption
from guidance import ShardGuides, absent, guidance
from train_vae import as_pictures
from vocabulary import Vocabulary
from workplace import DATA

HELD_OUT_PER_SHARD = 24
GUIDED_SHARD_WEIGHT = 3   # older shards know nothing of nearness, grades and further views
FIRST_SHARDS = 8   # enough of every number of objects to begin with; others are encoded and join while training runs
NO_CANVAS_SHARE, NO_TEXT_SHARE, NO_REFERENCE_SHARE, NOTHING_SHARE = .22, .05, .05, .05
OFF_CANVAS = 1000.   # a pose that looks far outside the reference: the canvas stays empty
GUIDED_ASTRAY_SHARE, ASTRAY_PX = .3, 10.   # edges or nearness say where things stand, whatever the boxes say
LEAST_MASK_SHARE, MASK_WEIGHT_RANGE = .04, (.6, 4)


class Shard(ShardGuides):
    def __init__(self, number, vae, device):
        self.attributes = json.loads((DATA / f'attributes-{number}.json').read_text())
        self.references = np.load(DATA / f'references-{number}.npy', mmap_mode='r')
        self.latents = np.load(latents_of(number, vae, device))
        self.objects = self.references.shape[1]
        self.open_guides(DATA, number)
        self.box = np.array([[o['box'] for o in a['objects']] for a in self.attributes], np.float32)
        self.pose = np.array([[o['pose'] for o in a['objects']] for a in self.attributes], np.float32)
        self.aspect = np.array([[o['aspect'] for o in a['objects']] for a in self.attributes], np.float32)


def latents_of(number, vae, device):
    path = DATA / f'latents-{number}.npy'
    if not path.exists():
        pictures = np.load(DATA / f'pictures-{number}.npy')
        with torch.no_grad():
            latents = torch.cat([vae.encode(x.to(device)).half().cpu() for x in as_pictures(pictures).split(50)])
        np.save(path, latents.numpy())
    return path


class Dataset:
    def __init__(self, vae, device, seed):
        self.vae, self.device, self.vocabulary = vae, device, Vocabulary()
        self.random, self.rng = random.Random(seed), np.random.default_rng(seed)
        self.shards, self.seen = {}, set()
        encoded = len(list(DATA.glob('latents-*.npy')))
        self.take_new_shards(at_most=max(encoded, FIRST_SHARDS))

    def take_new_shards(self, at_most):
        """Those first whose latents lie there."""
        numbers = {int(p.stem.split('-')[1]) for p in DATA.glob('attributes-*.json')} - self.seen
        for number in sorted(numbers, key=lambda k: (not (DATA / f'latents-{k}.npy').exists(), k))[:at_most]:
            shard = Shard(number, self.vae, self.device)
            self.shards.setdefault(shard.objects, []).append(shard)
            self.seen.add(number)

    def batch(self, size, objects):
        shards = self.shards[objects]
        shard, = self.random.choices(shards, [1 if shard.guides is None else GUIDED_SHARD_WEIGHT for shard in shards])
        rows = np.sort(self.rng.choice(len(shard.latents) - HELD_OUT_PER_SHARD, size, replace=False))
        return self.collate(shard, rows, lambda a: caption(a, self.random, self.random.random() < .35), training=True)

    def held_out(self, objects, size):
        """The same rows every time, nothing dropped."""
        shard, fixed = self.shards[objects][0], random.Random(3)
        rows = np.arange(len(shard.latents) - HELD_OUT_PER_SHARD, len(shard.latents))[:size]
        return self.collate(shard, rows, lambda a: caption(a, fixed, True), training=False)

    def collate(self, shard, rows, word, training):
        n, slots = len(rows), shard.objects
        tokens = torch.tensor([self.vocabulary.encode(word(shard.attributes[k])) for k in rows])
        chance = torch.rand(n) if training else torch.full((n,), .5)
        without_text = chance < NO_TEXT_SHARE + NOTHING_SHARE
        without_reference = (chance < NOTHING_SHARE) | (chance > 1 - NO_REFERENCE_SHARE)
        tokens[without_text] = 0
        at = torch.stack([(tokens == self.vocabulary.slot(k)).float().argmax(1) for k in range(slots)], 1)
        box = torch.from_numpy(shard.box[rows])
        shown_box, pose = box.clone(), torch.from_numpy(shard.pose[rows])
        given = absent(n, 'cpu')
        if training:
            shown_box[..., :2] += torch.randn(n, slots, 2) * .7
            shown_box[..., 2] *= 1 + .015 * torch.randn(n, slots)
            given = guidance(shard, rows, self.random)
            astray = (((given['guide_strength'] > 0).any(1) | (given['content_strength'] > 0)) & (torch.rand(n) < GUIDED_ASTRAY_SHARE))[:, None]
            shown_box[..., :2] += torch.randn(n, slots, 2) * ASTRAY_PX * astray[..., None]
            off = (torch.rand(n, slots) < NO_CANVAS_SHARE) | astray
            pose = torch.where(off[..., None, None], torch.eye(2) * OFF_CANVAS, pose)
        shown_box[without_reference] = -1
        reference = torch.from_numpy(shard.references[rows]).float() / 255 * (~without_reference)[:, None, None, None, None]
        mask = object_mask(box, torch.from_numpy(shard.aspect[rows]))
        share = mask.mean((1, 2), keepdim=True).clamp(min=LEAST_MASK_SHARE)
        batch = {'latent': torch.from_numpy(shard.latents[rows]).float(), 'tokens': tokens, 'at': at, 'reference': reference, 'box': shown_box, 'pose': pose,
                 'drop': without_reference.float()[:, None].expand(n, slots), 'mask': mask, 'weight': 1 + mask * (.35 / share).clamp(*MASK_WEIGHT_RANGE)}
        return {name: value.to(self.device) for name, value in batch.items()} | {'given': {name: value.to(self.device) for name, value in given.items()}}


def object_mask(box, aspect):
    """[n, 16, 16]: how much of each latent position the objects' boxes cover."""
    cells = torch.arange(16) * 8.

    def overlap(centre, length):
        low, high = centre - length / 2, centre + length / 2
        return ((high[..., None]).minimum(cells + 8) - low[..., None].maximum(cells)).clamp(min=0) / 8

    width, height = box[..., 2] * aspect[..., 0], box[..., 2] * aspect[..., 1]
    return (overlap(box[..., 1], height)[..., :, None] * overlap(box[..., 0], width)[..., None, :]).clamp(0, 1).amax(1)
