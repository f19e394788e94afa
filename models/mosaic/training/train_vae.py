"""
Trains the VAE on 64 px crops of the rendered pictures and of random textures. Resumes from its checkpoint.

    python train_vae.py joint   --minutes 15     both together, pulled towards the latents they had
    python train_vae.py decoder --minutes 10     sharper decoder; latents do not move
    python train_vae.py measure                  PSNR in and out of domain
"""
import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from muon import Muon
from textures import texture
from vae import Vae, psnr
from workplace import CHECKPOINTS, DATA, save_atomically

CROP_PX, BATCH, TEXTURE_SHARE = 64, 24, .3
TEXTURES, HELD_OUT = 1200, 200
PEAK_RATE = {'joint': 6e-4, 'decoder': 6e-4}
MUON_SHARE = 2.5   # Muon's rate for the convolutions, relative to Adam's for the rest
MEASURED_SHARDS = 4
SAVE_EVERY_S = 120


class Crops:
    """Random crops; the last HELD_OUT pictures of every shard are never shown."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.shards = [np.load(path, mmap_mode='r') for path in sorted(DATA.glob('pictures-*.npy'))]
        cache = DATA / 'textures.npy'
        if not cache.exists():
            rng = np.random.default_rng(7)
            np.save(cache, np.stack([texture(rng, 128) for _ in range(TEXTURES)]))
        self.textures = np.load(cache)

    def crop(self, pictures, limit):
        picture = pictures[self.rng.integers(limit)]
        y, x = self.rng.integers(0, 128 - CROP_PX + 1, 2)
        crop = picture[y:y + CROP_PX, x:x + CROP_PX]
        crop = crop[:, ::-1] if self.rng.random() < .5 else crop
        return crop[..., self.rng.permutation(3)] if self.rng.random() < .2 else crop

    def batch(self):
        crops = []
        for k in range(BATCH):
            if k < BATCH * TEXTURE_SHARE:
                crops.append(self.crop(self.textures, len(self.textures) - HELD_OUT))
            else:
                shard = self.shards[self.rng.integers(len(self.shards))]
                crops.append(self.crop(shard, len(shard) - HELD_OUT))
        return as_pictures(np.stack(crops)).contiguous(memory_format=torch.channels_last)


def as_pictures(bytes_):
    return torch.from_numpy(np.ascontiguousarray(bytes_)).permute(0, 3, 1, 2).float() / 127.5 - 1


def differences(a):
    return a[..., 1:] - a[..., :-1], a[..., 1:, :] - a[..., :-1, :]


def reconstruction_loss(restored, pictures):
    """Absolute error of values and of their differences at three scales: edges stay sharp without a critic."""
    loss, weight = 0., 1.
    for _ in range(3):
        edges = sum((a - b).abs().mean() for a, b in zip(differences(restored), differences(pictures)))
        loss = loss + weight * ((restored - pictures).abs().mean() + edges)
        restored, pictures, weight = F.avg_pool2d(restored, 2), F.avg_pool2d(pictures, 2), weight * .6
    return loss + .5 * (restored - pictures).pow(2).mean().sqrt()


def measure(vae):
    """PSNR on held-out renders, held-out textures and, where scikit-image is installed, its photographs."""
    sets = {'textures': np.load(DATA / 'textures.npy')[-HELD_OUT:]}
    for path in sorted(DATA.glob('pictures-*.npy'))[:MEASURED_SHARDS]:
        sets[path.stem] = np.load(path, mmap_mode='r')[-HELD_OUT:]
    photographs = shipped_photographs()
    if photographs is not None:
        sets['photographs'] = photographs
    figures = {}
    with torch.no_grad():
        for name, bytes_ in sets.items():
            values = torch.cat([psnr(x, vae.decode(vae.encode(x))) for x in as_pictures(np.array(bytes_)).split(32)])
            figures[name] = round(values.mean().item(), 2)
    return figures


def shipped_photographs():
    try:
        import skimage.data
        from PIL import Image
    except ImportError:
        return None
    squares = []
    for name in ('astronaut', 'cat', 'coffee', 'rocket', 'camera', 'coins', 'brick', 'grass', 'gravel', 'immunohistochemistry', 'retina', 'moon', 'hubble_deep_field'):
        try:
            picture = getattr(skimage.data, name)()
        except Exception:  # not shipped with the package, and nothing is downloaded
            continue
        picture = np.stack([picture] * 3, -1) if picture.ndim == 2 else picture[..., :3]
        side = min(picture.shape[:2])
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        squares.append(np.asarray(Image.fromarray(picture[top:top + side, left:left + side]).resize((128, 128), Image.LANCZOS)))
    return np.stack(squares)


def trained_parameters(vae, stage):
    vae.enc.requires_grad_(stage != 'decoder')
    return [p for p in vae.parameters() if p.requires_grad]


def loss_of(vae, anchor, stage, pictures):
    latent = vae.encode(pictures)
    noisy = latent + torch.randn_like(latent) * (.03 if stage == 'decoder' else .06)
    loss = reconstruction_loss(vae.decode(noisy), pictures) + 1e-3 * latent.pow(2).mean()
    if stage == 'joint':
        with torch.no_grad():
            before = anchor.encode(pictures)
        loss = loss + .02 * (latent - before).pow(2).mean()
    return loss


def train(args):
    torch.manual_seed(int(time.time()))
    path = Path(args.vae)
    vae = Vae()
    if path.exists():
        vae.load_state_dict(torch.load(path)['vae'])
    vae = vae.to(memory_format=torch.channels_last)
    anchor = copy.deepcopy(vae).requires_grad_(False)
    trained = trained_parameters(vae, args.stage)
    average = [p.detach().clone() for p in trained]
    muon = Muon([p for p in trained if p.ndim == 4 and min(p.shape[:2]) > 12], decay=0.)
    inner = {id(p) for p in muon.parameters}
    optimiser = torch.optim.AdamW([p for p in trained if id(p) not in inner], lr=1e-3, betas=(.9, .98), weight_decay=1e-4, foreach=True)
    crops, started, saved, step, losses = Crops(int(time.time())), time.time(), time.time(), 0, []
    while (elapsed := time.time() - started) < args.minutes * 60:
        rate = PEAK_RATE[args.stage] * min(1, (step + 1) / 50) * max(.03, 1 - elapsed / (args.minutes * 60))
        for group in optimiser.param_groups:
            group['lr'] = rate
        loss = loss_of(vae, anchor, args.stage, crops.batch())
        for parameter in trained:
            parameter.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.)
        optimiser.step()
        muon.step(rate * MUON_SHARE)
        with torch.no_grad():
            torch._foreach_lerp_(average, [p.detach() for p in trained], max(.01, 1 / (step + 1)))
        losses.append(loss.item())
        step += 1
        if step % 100 == 0:
            print(step, f'{elapsed:.0f} s', f'loss {np.mean(losses[-100:]):.4f}', flush=True)
        if time.time() - saved > SAVE_EVERY_S:
            saved = time.time()
            save_with(vae, trained, average, path)
    save_with(vae, trained, average, path)
    for p, q in zip(trained, average):
        p.data.copy_(q)
    print('steps', step, measure(vae))


def save_with(vae, trained, average, path):
    """Stores the averaged weights, which reconstruct better than the last step's."""
    kept = [p.detach().clone() for p in trained]
    for p, q in zip(trained, average):
        p.data.copy_(q)
    save_atomically({'vae': vae.state_dict()}, path)
    for p, q in zip(trained, kept):
        p.data.copy_(q)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('stage', choices=[*PEAK_RATE, 'measure'])
    parser.add_argument('--minutes', type=float, default=10)
    parser.add_argument('--vae', default=str(CHECKPOINTS / 'vae.pt'))
    parser.add_argument('--threads', type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    if arguments.stage == 'measure':
        model = Vae()
        model.load_state_dict(torch.load(arguments.vae)['vae'])
        print(measure(model))
    else:
        train(arguments)
