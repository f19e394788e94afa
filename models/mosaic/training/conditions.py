"""
What besides words and references can guide a picture: edges, nearness, a blurred latent, a style picture, further views of a thing. Each has a strength;
at 0 it adds exactly nothing, and its last matrix starts at zero, so that weights trained without it stay what they were.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from layers import WIDTH, Linear, layer_norm

LATENT_SIDE, LATENT_CHANNELS, GUIDE_KINDS, GUIDE_HIDDEN = 16, 8, 2, 48
STEM = 96                                        # channels of the denoiser's finer level, to which guides add
EXTRA_CHANNELS = STEM + WIDTH // 4               # and to its tokens, which lie 2 x 2 coarser
STYLE_PX, STYLE_CHANNELS = 64, 64
VIEW_HEADS, VIEW_KEY, VIEW_VALUE = 4, 16, 16
ABSENT = 1e-6


def blurred(latent, strength):
    """A weak content reference is blurred to 4 x 4 places, a strong one to 8 x 8: [n, 8, 16, 16]."""
    at = lambda stride: F.interpolate(F.avg_pool2d(latent, stride), size=(LATENT_SIDE, LATENT_SIDE), mode='bilinear', align_corners=False)
    share = strength[:, None, None, None]
    return at(4) * (1 - share) + at(2) * share


class Guide(nn.Module):
    """One kind of map -> what is added to the denoiser's finer level and to its tokens, times the strength: [n, 160, 16, 16]."""

    def __init__(self, channels):
        super().__init__()
        self.first, self.second = nn.Conv2d(channels + 1, GUIDE_HIDDEN, 1), nn.Conv2d(GUIDE_HIDDEN, GUIDE_HIDDEN, 3, padding=1)
        self.fine, self.coarse = nn.Conv2d(GUIDE_HIDDEN, STEM, 1), Linear(GUIDE_HIDDEN, WIDTH, 0.)
        nn.init.zeros_(self.fine.weight)
        nn.init.zeros_(self.fine.bias)

    def forward(self, maps, strength):
        share = strength[:, None, None, None]
        hidden = F.silu(self.first(torch.cat([maps, share.expand(-1, -1, LATENT_SIDE, LATENT_SIDE)], 1)))
        hidden = F.silu(self.second(hidden))
        coarse = self.coarse(F.avg_pool2d(hidden, 2).flatten(2).transpose(1, 2)).transpose(1, 2)
        coarse = F.pixel_shuffle(coarse.reshape(-1, WIDTH, LATENT_SIDE // 2, LATENT_SIDE // 2), 2)
        return torch.cat([self.fine(hidden), coarse], 1) * share


class Guides(nn.Module):
    """guide [n, 2, 128, 128] in 0..1 (edges, nearness), content [n, 8, 16, 16] -> further channels of the denoiser's conditions."""

    def __init__(self):
        super().__init__()
        self.kinds, self.content = nn.ModuleList([Guide(64) for _ in range(GUIDE_KINDS)]), Guide(LATENT_CHANNELS)

    def forward(self, guide, guide_strength, content, content_strength):
        found = [kind(F.pixel_unshuffle(guide[:, k:k + 1] * 2 - 1, 8), guide_strength[:, k]) for k, kind in enumerate(self.kinds)]
        return sum(found) + self.content(blurred(content, content_strength), content_strength)


class Style(nn.Module):
    """A picture [n, 3, 64, 64] in -1..1 -> a vector of its colours and light (means and deviations of features: not where things are), added to every word."""

    def __init__(self):
        super().__init__()
        widths = (3, 24, 48, STYLE_CHANNELS)
        self.layers = nn.ModuleList([nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(widths, widths[1:])])
        self.out = Linear(2 * STYLE_CHANNELS, WIDTH, 0.)

    def forward(self, picture, strength):
        for layer in self.layers:
            picture = F.silu(layer(picture))
        mean = picture.mean((2, 3))
        deviation = ((picture - mean[:, :, None, None]).square().mean((2, 3)) + 1e-5).sqrt()
        return self.out(torch.cat([mean, deviation], 1)) * strength[:, None]


class Views(nn.Module):
    """Tokens of a reference look up what further pictures of the same thing add."""

    def __init__(self):
        super().__init__()
        self.query, self.key = Linear(WIDTH, VIEW_HEADS * VIEW_KEY), Linear(WIDTH, VIEW_HEADS * VIEW_KEY)
        self.value, self.out = Linear(WIDTH, VIEW_HEADS * VIEW_VALUE), Linear(VIEW_HEADS * VIEW_VALUE, WIDTH, 0.)

    def forward(self, tokens, views, weight):
        """tokens [m, t, 256]; views [m, v, t, 256]; weight [m, v] (0: absent) -> what is added to the tokens"""
        things, count, each = views.shape[:3]
        heads = lambda x, width: x.reshape(things, -1, VIEW_HEADS, width).permute(0, 2, 1, 3)
        query, views = layer_norm(tokens), views.reshape(things, count * each, WIDTH)
        scores = torch.matmul(heads(self.query(query), VIEW_KEY), heads(self.key(views), VIEW_KEY).transpose(-1, -2)) * VIEW_KEY ** -.5
        present = (weight + ABSENT).log()[:, :, None].expand(-1, -1, each).reshape(things, 1, 1, count * each)
        found = torch.matmul((scores + present).softmax(-1), heads(self.value(views), VIEW_VALUE))
        return self.out(found.permute(0, 2, 1, 3).reshape(things, -1, VIEW_HEADS * VIEW_VALUE)) * weight.amax(1)[:, None, None]
