"""
The retrieval-augmented painter. A caption names scene, colours, sizes, places and look; nouns are slots <s0>..<s2>, whose pictures arrive as references:
as tokens that the transformer reads, and warped into their boxes as extra input channels (the canvas).
Rectified flow on latents [n, 8, 16, 16]: t = 1 is noise, t = 0 the picture; the network predicts noise minus picture.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from conditions import LATENT_SIDE, STEM, Guides, Views
from layers import ADAPTED, NO_ADAPTERS, WIDTH, Exporting, JointBlock, Linear, Residual, TextBlock, grid_positions, layer_norm, position_norm
from vae import LATENT_CHANNELS
from vocabulary import MAX_TOKENS

PICTURE_PX, REFERENCE_PX = 128, 96
SLOT_CHANNELS, CANVAS_CHANNELS, GEOMETRY_CHANNELS = 32, 64, 9
BLOCKS, BLOCKS_READING_REFERENCES, TEXT_BLOCKS = 5, (1, 3), 2
TOKENS_EACH, MAX_SLOTS = 64, 3
SHARPEST_BOX_PX, SOFTEST_BOX_PX = 68, 44   # between these, a small object fades over to the half-size reference, against aliasing


def transposed_outer(u, v, side):
    """Broadcasts column coordinates u [n, s, side] and row coordinates v to maps [n, s, side, side]."""
    return u[:, :, None, :].expand(-1, -1, side, -1), v[:, :, :, None].expand(-1, -1, -1, side)


def canvas_and_frames(reference, box, pose=None):
    """
    reference [n, s, 4, 96, 96] premultiplied in 0..1; box [n, s, 3] = centre x, centre y, side in pixels of 128 (side <= 0: absent);
    pose [n, s, 2, 2] maps coordinates of the box (-1..1) to those of the reference; None is upright.
    Returns the canvas [n, 4, 128, 128] (rgb * 2 - alpha, alpha) and frames [n, s, 3, 16, 16] (inside, u, v).
    """
    n, slots = box.shape[:2]
    centres = torch.arange(PICTURE_PX, device=box.device) + .5
    present = (box[..., 2] > 0).float()[..., None, None, None]
    side = box[..., 2].clamp(min=8)
    u = (centres - box[..., 0:1]) / (side[..., None] / 2)
    v = (centres - box[..., 1:2]) / (side[..., None] / 2)
    grid = torch.stack(transposed_outer(u, v, PICTURE_PX), -1).reshape(n * slots, PICTURE_PX * PICTURE_PX, 2)
    if pose is not None:
        grid = torch.matmul(grid, pose.reshape(n * slots, 2, 2).transpose(1, 2))
    grid = grid.reshape(n * slots, PICTURE_PX, PICTURE_PX, 2).clamp(-3, 3)
    whole = reference.reshape(n * slots, 4, REFERENCE_PX, REFERENCE_PX)
    half = F.avg_pool2d(whole, 2)
    sharp = ((side.reshape(-1) - SOFTEST_BOX_PX) / (SHARPEST_BOX_PX - SOFTEST_BOX_PX)).clamp(0, 1)[:, None, None, None]
    warped = F.grid_sample(whole, grid, align_corners=False) * sharp + F.grid_sample(half, grid, align_corners=False) * (1 - sharp)
    warped = warped.reshape(n, slots, 4, PICTURE_PX, PICTURE_PX) * present
    painted = warped[:, 0]
    if Exporting.on:   # an exported graph takes any number of slots: absent ones are transparent
        warped = torch.cat([warped, warped.new_zeros(1).expand(n, MAX_SLOTS - 1, 4, PICTURE_PX, PICTURE_PX)], 1)
    for slot in range(1, MAX_SLOTS if Exporting.on else slots):
        painted = painted * (1 - warped[:, slot, 3:]) + warped[:, slot]
    stride = PICTURE_PX // LATENT_SIDE
    uu, vv = transposed_outer(u[..., stride // 2::stride], v[..., stride // 2::stride], LATENT_SIDE)
    inside = ((1.15 - uu.abs()).clamp(0, .3) / .3) * ((1.15 - vv.abs()).clamp(0, .3) / .3) * present[..., 0]
    frames = torch.stack([inside, uu.clamp(-2, 2) * present[..., 0], vv.clamp(-2, 2) * present[..., 0]], 2)
    return torch.cat([painted[:, :3] * 2 - painted[:, 3:], painted[:, 3:]], 1), frames


class TextEncoder(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(words, WIDTH) * .5)
        self.position = nn.Parameter(torch.randn(MAX_TOKENS, WIDTH) * .1)
        self.blocks = nn.ModuleList([TextBlock() for _ in range(TEXT_BLOCKS)])

    def forward(self, tokens):
        x = F.embedding(tokens, self.embedding) + self.position
        for block in self.blocks:
            x = block(x)
        return layer_norm(x)


class ReferenceEncoder(nn.Module):
    """96 x 96 RGBA -> 64 tokens; the caption's vector of the slot (its colour words) is added to every token."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4 * 36, 96, 3, padding=1)
        self.residuals = nn.ModuleList([Residual(96, False), Residual(96, False)])
        self.out = Linear(384, WIDTH)
        self.position = nn.Parameter(grid_positions(8, WIDTH) * .5)
        self.slot = nn.Parameter(torch.randn(MAX_SLOTS, WIDTH) * .1)
        self.words = Linear(WIDTH, WIDTH)
        self.nothing = nn.Parameter(torch.randn(TOKENS_EACH, WIDTH) * .1)
        self.views = Views()

    def features(self, flat):
        """[m, 4, 96, 96] -> [m, 64, 256]"""
        hidden = self.stem(F.pixel_unshuffle(torch.cat([flat[:, :3] * 2 - flat[:, 3:], flat[:, 3:]], 1), 6))
        for residual in self.residuals:
            hidden = residual(hidden)
        return self.out(F.pixel_unshuffle(hidden, 2).flatten(2).transpose(1, 2))

    def forward(self, reference, slot_vectors, drop, views=None, view_weight=None):
        """drop [n, s]: 1 where the reference is withheld; views [n, s, v, 4, 96, 96] are further pictures of the same things, view_weight [n, s, v]."""
        n, slots = reference.shape[:2]
        hidden = self.features(reference.reshape(-1, 4, REFERENCE_PX, REFERENCE_PX))
        if views is not None:
            further = self.features(views.reshape(-1, 4, REFERENCE_PX, REFERENCE_PX)).reshape(n * slots, -1, TOKENS_EACH, WIDTH)
            hidden = hidden + self.views(hidden, layer_norm(further) + self.position, view_weight.reshape(n * slots, -1))
        hidden = hidden.reshape(n, slots, TOKENS_EACH, WIDTH)
        hidden = layer_norm(hidden + self.words(slot_vectors)[:, :, None]) + self.position + self.slot[:slots, None]
        hidden = hidden * (1 - drop)[..., None, None] + self.nothing * drop[..., None, None]
        return hidden.reshape(n, slots * TOKENS_EACH, WIDTH)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        inputs = LATENT_CHANNELS + SLOT_CHANNELS + GEOMETRY_CHANNELS + CANVAS_CHANNELS
        self.canvas_in = nn.Conv2d(4, CANVAS_CHANNELS, 8, 8)
        self.slot_in = Linear(WIDTH, SLOT_CHANNELS)
        self.stem = nn.Conv2d(inputs, STEM, 3, padding=1)
        self.down_residuals = nn.ModuleList([Residual(STEM), Residual(STEM)])
        self.fine_position = nn.Parameter(torch.randn(1, STEM, LATENT_SIDE, LATENT_SIDE) * .02)
        self.down = Linear(4 * STEM, WIDTH)
        self.position = nn.Parameter(grid_positions(LATENT_SIDE // 2, WIDTH))
        self.time1, self.time2, self.pooled = Linear(WIDTH, WIDTH), Linear(WIDTH, WIDTH), Linear(WIDTH, WIDTH)
        self.modulation = Linear(WIDTH, 6 * WIDTH, .1 * WIDTH ** -.5)
        self.blocks = nn.ModuleList([JointBlock(k in BLOCKS_READING_REFERENCES) for k in range(BLOCKS)])
        self.up = Linear(WIDTH, 4 * STEM)
        self.skip = nn.Conv2d(2 * STEM, STEM, 1)
        self.up_residuals = nn.ModuleList([Residual(STEM), Residual(STEM)])
        self.out = nn.Conv2d(STEM, LATENT_CHANNELS, 3, padding=1)
        self.register_buffer('frequency', torch.exp(-math.log(1000.) * torch.arange(WIDTH // 2) / (WIDTH // 2)))

    def conditions(self, slot_vectors, canvas, frames):
        """Everything that does not depend on the noise, but what guides: [n, 105, 16, 16]."""
        inside, u, v = frames[:, :, 0], frames[:, :, 1], frames[:, :, 2]
        total = lambda map_: (map_ * inside).sum(1)
        second = torch.cat([inside, inside[:, :1] * 0], 1)[:, 1]
        geometry = torch.stack([inside.sum(1), total(u), total(v), total((u * 3.14).sin()), total((v * 3.14).sin()),
                                total((u * 3.14).cos()), total((v * 3.14).cos()), inside[:, 0], second], 1)
        slots = (self.slot_in(slot_vectors)[..., None, None] * inside[:, :, None]).sum(1)
        return torch.cat([slots, geometry, self.canvas_in(canvas)], 1)

    def forward(self, x, t, context, references, conditions, adapters=None):
        """
        conditions [n, 201, 16, 16]: what `conditions` made, then what the guides add to the first features;
        adapters: for each of ADAPTED the matrices down [blocks, inputs, rank] and up [blocks, rank, outputs]. -> velocity [n, 8, 16, 16]
        """
        n, side = x.shape[0], LATENT_SIDE // 2
        angles = t[:, None] * 1000. * self.frequency
        time = self.time2(F.silu(self.time1(torch.cat([angles.sin(), angles.cos()], -1))))
        condition = F.silu(time + self.pooled(context.mean(1)))
        known, guided = conditions.split([conditions.shape[1] - STEM, STEM], 1)
        hidden = self.stem(torch.cat([x, known], 1)) + self.fine_position + guided
        for residual in self.down_residuals:
            hidden = residual(hidden, condition)
        kept = hidden
        tokens = self.down(F.pixel_unshuffle(position_norm(hidden), 2).flatten(2).transpose(1, 2)) + self.position
        tokens = torch.cat([tokens, context], 1)
        modulation = self.modulation(condition).reshape(n, 6, WIDTH)
        for k, block in enumerate(self.blocks):
            own = {name: (down[k], up[k]) for name, (down, up) in adapters.items()} if adapters else NO_ADAPTERS
            tokens = block(tokens, modulation, references, own)
        grown = self.up(layer_norm(tokens[:, :side * side])).transpose(1, 2).reshape(n, 4 * STEM, side, side)
        hidden = self.skip(torch.cat([kept, F.pixel_shuffle(grown, 2)], 1))
        for residual in self.up_residuals:
            hidden = residual(hidden, condition)
        return self.out(F.silu(position_norm(hidden)))


class Painter(nn.Module):
    """Text, references and denoiser together."""

    def __init__(self, words):
        super().__init__()
        self.text, self.references, self.denoiser = TextEncoder(words), ReferenceEncoder(), Denoiser()
        self.previous_word = Linear(WIDTH, WIDTH, 0.)
        self.guides = Guides()

    def slot_vectors(self, context, tokens, at):
        """The contextual vector of each slot's word plus the word before it, which binds "a red <s0> and a blue <s1>"; at [n, s] are positions."""
        before = F.embedding(torch.gather(tokens, 1, (at - 1).clamp(min=0)), self.text.embedding)
        return torch.gather(context, 1, at[..., None].expand(-1, -1, WIDTH)) + self.previous_word(before)

    def prepare(self, tokens, at, reference, box, drop, pose=None, views=None, view_weight=None,
                guide=None, guide_strength=None, content=None, content_strength=None, style=None, style_strength=None):
        """-> context [n, 16, 256], reference tokens [n, 64 s, 256], conditions [n, 201, 16, 16]: once per picture, before the steps."""
        context = self.text(tokens)
        slots = self.slot_vectors(context, tokens, at)
        canvas, frames = canvas_and_frames(reference, box, pose)
        known = self.denoiser.conditions(slots, canvas, frames)
        guided = known.new_zeros(len(known), STEM, LATENT_SIDE, LATENT_SIDE)
        if guide is not None:
            guided, styled = self.guides(guide, guide_strength, content, content_strength, style, style_strength)
            context = context + styled[:, None]
        return context, self.references(reference, slots, drop, views, view_weight), torch.cat([known, guided.to(known.dtype)], 1)


def load_extended(painter, state):
    """Weights of a painter that had other conditions: what it lacks stays at its start, where it adds nothing."""
    own = painter.state_dict()
    painter.load_state_dict(own | {name: value for name, value in state.items() if name in own and value.shape == own[name].shape})


def no_adapters(rank=1):
    """{name: (down, up)} that change nothing: up starts at zero."""
    return {name: (torch.randn(BLOCKS, inputs, rank) * inputs ** -.5, torch.zeros(BLOCKS, rank, outputs)) for name, (inputs, outputs) in ADAPTED.items()}
