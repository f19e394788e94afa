"""Draws what guides each picture of a training batch: mostly nothing, at times edges, nearness, a blurred latent, a style picture, further views; each with a strength."""
import numpy as np
import torch
import torch.nn.functional as F

from conditions import STYLE_PX
from guides import edges

GUIDED_SHARE = .5                        # of all pictures; the shares of the kinds are of those
EDGES_SHARE, NEARNESS_SHARE, CONTENT_SHARE, STYLE_SHARE, VIEWS_SHARE = .5, .36, .25, .4, .3
FULL_STRENGTH_SHARE, LEAST_STRENGTH = .45, .15
LOOSE_SHIFT, LOOSE_SCALE = .14, .12      # how far a guide of strength 0 would be from the picture, as shares of its side
DRAWN_SHARE = .4                         # edges as someone draws them: black and white


def strengths(n, share, there=None):
    """[n]: 0 for those that have none, else mostly full."""
    strength = torch.where(torch.rand(n) < FULL_STRENGTH_SHARE, torch.ones(n), LEAST_STRENGTH + (1 - LEAST_STRENGTH) * torch.rand(n))
    return strength * (torch.rand(n) < share) * (torch.ones(n) if there is None else there)


def loosened(maps, strength):
    """The weaker a guide, the farther it lies from the picture: so the network learns how much to trust it."""
    n, slack = len(maps), (1 - strength)
    shift, scale = torch.randn(n, 2) * (2 * LOOSE_SHIFT * slack)[:, None], (torch.randn(n, 2) * (LOOSE_SCALE * slack)[:, None]).exp()
    affine = torch.cat([torch.diag_embed(scale), shift[..., None]], 2)
    return F.grid_sample(maps, F.affine_grid(affine, maps.shape, align_corners=False), align_corners=False)


def drawn(maps):
    level = .25 + .45 * torch.rand(len(maps), 1, 1, 1)
    return torch.where(torch.rand(len(maps), 1, 1, 1) < DRAWN_SHARE, (maps > level).float(), maps)


def guide_maps(shard, rows, strength):
    """[n, 2, 128, 128], computed only where it counts."""
    maps = torch.zeros(len(rows), 2, 128, 128)
    for channel, make in enumerate((shard.edges, shard.nearness)):
        picked = strength[:, channel] > 0
        if picked.any():
            found = make(rows[picked.numpy()])
            maps[picked, channel:channel + 1] = loosened(drawn(found) if channel == 0 else found, strength[picked, channel])
    return maps


def guidance(shard, rows, random):
    """The keyword arguments of Painter.prepare that stand for conditions."""
    n = len(rows)
    guided = (torch.rand(n) < GUIDED_SHARE).float()
    strength = torch.stack([strengths(n, EDGES_SHARE, guided), strengths(n, NEARNESS_SHARE if shard.guides is not None else 0, guided)], 1)
    content_strength = strengths(n, CONTENT_SHARE, guided)
    graded = torch.from_numpy(shard.graded[rows])
    style_strength = torch.where(graded, torch.ones(n), strengths(n, STYLE_SHARE, guided))   # no word says a grade: the style picture always does
    given = {'guide': guide_maps(shard, rows, strength), 'guide_strength': strength, 'content': torch.from_numpy(shard.latents[rows]).float(),
             'content_strength': content_strength, 'style': shard.style(rows, random), 'style_strength': style_strength}
    if shard.views is not None and random.random() < VIEWS_SHARE:
        given['views'] = torch.from_numpy(shard.views[rows]).float() / 255
        given['view_weight'] = (torch.rand(given['views'].shape[:3]) < .6).float()
    return given


def absent(n, device):
    """No guidance at all, in the shapes that the graph wants; views are left out."""
    zeros = lambda *shape: torch.zeros(n, *shape, device=device)
    return {'guide': zeros(2, 128, 128), 'guide_strength': zeros(2), 'content': zeros(8, 16, 16), 'content_strength': zeros(),
            'style': zeros(3, STYLE_PX, STYLE_PX), 'style_strength': zeros()}


class ShardGuides:
    """What a shard knows beyond pictures and words; older shards have neither nearness nor further views."""

    def open_guides(self, folder, number):
        load = lambda name: np.load(folder / f'{name}-{number}.npy', mmap_mode='r') if (folder / f'{name}-{number}.npy').exists() else None
        self.pictures, self.guides, self.views = load('pictures'), load('guides'), load('views')
        self.graded = np.array([a.get('graded', False) for a in self.attributes])
        self.alike = {}
        for row, a in enumerate(self.attributes):
            self.alike.setdefault(alike_key(a), []).append(row)

    def edges(self, rows):
        return edges(torch.from_numpy(self.pictures[rows]).permute(0, 3, 1, 2).float() / 255)

    def nearness(self, rows):
        return torch.from_numpy(self.guides[rows][:, :1]).float() / 255

    def style(self, rows, random):
        """Another picture of the same style: the other one of its pair, or one of the same look, place and hour."""
        others = [row ^ 1 if self.guides is not None else random.choice(self.alike[alike_key(self.attributes[row])]) for row in rows]
        pictures = torch.from_numpy(np.stack([self.pictures[k] for k in others])).permute(0, 3, 1, 2).float() / 127.5 - 1
        pictures = torch.where(torch.rand(len(rows), 1, 1, 1) < .5, pictures.flip(3), pictures)
        return F.interpolate(pictures, size=(STYLE_PX, STYLE_PX), mode='area')


def alike_key(attributes):
    return attributes['flat'], attributes['scene'], attributes['light'], attributes['plain'], attributes['cinematic']
