"""
What besides words and references can guide a picture: edges, nearness, a blurred latent, a style picture, further views of a thing. Each has a strength;
at 0 it adds exactly nothing, so that a painter trained without guidance stays what it was.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from layers import WIDTH, Linear, layer_norm

LATENT_SIDE, LATENT_CHANNELS, STEM, CELL_PX = 16, 8, 96, 8
GUIDE_HIDDEN = 96
STYLE_PX, STYLE_CHANNELS = 64, 56
VIEW_HEADS, VIEW_KEY, VIEW_VALUE = 4, 16, 16
ABSENT = 1e-6


def nothing_at_first(layer):
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def blurred(latent, strength):
    """A weak content reference is blurred to 4 x 4 places, a strong one to 8 x 8: [n, 8, 16, 16]."""
    at = lambda stride: F.interpolate(F.avg_pool2d(latent, stride), size=(LATENT_SIDE, LATENT_SIDE), mode='bilinear', align_corners=False)
    share = strength[:, None, None, None]
    return at(4) * (1 - share) + at(2) * share


class MapGuide(nn.Module):
    """Something that lies over the picture -> what it adds to the denoiser's first features. Knows its strength, for a weak guide lies only near the truth."""

    def __init__(self, inputs):
        super().__init__()
        self.first, self.strength = nn.Conv2d(inputs, GUIDE_HIDDEN, 1), Linear(1, GUIDE_HIDDEN)
        self.second, self.out = nn.Conv2d(GUIDE_HIDDEN, GUIDE_HIDDEN, 3, padding=1), nn.Conv2d(GUIDE_HIDDEN, STEM, 3, padding=1)
        nothing_at_first(self.out)

    def forward(self, x, strength):
        """x [n, inputs, 16, 16], strength [n]"""
        hidden = F.silu(self.first(x) + self.strength(strength[:, None])[:, :, None, None])
        return self.out(F.silu(self.second(hidden))) * strength[:, None, None, None]


class Style(nn.Module):
    """A picture [n, 3, 64, 64] in -1..1 -> a vector of its colours and light: means and deviations of features, not where things are."""

    def __init__(self):
        super().__init__()
        widths = (3, 20, 40, STYLE_CHANNELS)
        self.layers = nn.ModuleList([nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(widths, widths[1:])])
        self.out = Linear(2 * STYLE_CHANNELS, WIDTH, 0.)

    def forward(self, picture):
        for layer in self.layers:
            picture = F.silu(layer(picture))
        mean = picture.mean((2, 3))
        deviation = ((picture - mean[:, :, None, None]).square().mean((2, 3)) + 1e-5).sqrt()
        return self.out(torch.cat([mean, deviation], 1))


class Guides(nn.Module):
    """Edges, nearness and content -> what they add to the denoiser's first features [n, 96, 16, 16]; style -> what it adds to every token of the caption [n, 256]."""

    def __init__(self):
        super().__init__()
        self.edges, self.nearness, self.content = MapGuide(CELL_PX ** 2), MapGuide(CELL_PX ** 2), MapGuide(LATENT_CHANNELS)
        self.style = Style()

    def forward(self, guide, guide_strength, content, content_strength, style, style_strength):
        """guide [n, 2, 128, 128] in 0..1 (edges, nearness), content [n, 8, 16, 16], style [n, 3, 64, 64] in -1..1, strengths [n, 2], [n], [n]"""
        edges, nearness = (F.pixel_unshuffle(guide[:, k:k + 1] * 2 - 1, CELL_PX) for k in (0, 1))
        over = self.edges(edges, guide_strength[:, 0]) + self.nearness(nearness, guide_strength[:, 1]) + self.content(blurred(content, content_strength), content_strength)
        return over, self.style(style) * style_strength[:, None]


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
