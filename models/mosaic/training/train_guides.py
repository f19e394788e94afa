"""
Trains what guides a picture beside words and references, for a painter that is finished: the painter looks at noisy pictures once, and small networks learn
from what it saw and from the guides how to correct its velocity. Nothing is propagated back through the painter, so minutes are enough.

    python train_guides.py --minutes 20         the last weights of checkpoints/painter.pt get the guides' into the same file
"""
import argparse
import random
import time

import numpy as np
import torch

from captions import caption
from dataset import HELD_OUT_PER_SHARD, Dataset
from export import load_painter, load_vae
from guidance import guidance
from train import CHECKPOINT, times
from workplace import CHECKPOINTS, save_atomically

LOOKS_SHARE, GROUP, MEASURED, PEAK_RATE = .45, 32, 6, 2e-3
OBJECT_CYCLE = (1, 2, 1, 3)


@torch.no_grad()
def looked_at(painter, data, objects, chooser, held_out):
    """What the painter sees in some noisy pictures: all that the corrector needs, in half precision."""
    shard = chooser.choice([s for s in data.shards[objects] if s.guides is not None] or data.shards[objects])
    last = len(shard.latents) - HELD_OUT_PER_SHARD
    rows = np.arange(last, last + HELD_OUT_PER_SHARD) if held_out else np.sort(data.rng.choice(last, GROUP, replace=False))
    batch = data.collate(shard, rows, lambda a: caption(a, chooser, chooser.random() < .35), training=True)
    noise, t = torch.randn_like(batch['latent']), times(len(rows), data.device)
    x = (1 - t[:, None, None, None]) * batch['latent'] + t[:, None, None, None] * noise
    with torch.autocast('cpu', torch.bfloat16):
        context, references, conditions = painter.prepare(*(batch[name] for name in ('tokens', 'at', 'reference', 'box', 'drop', 'pose')))
        known = conditions[:, :painter.denoiser.stem.in_channels - x.shape[1]]
        hidden, velocity, condition = painter.denoiser.unguided(x, t, context, references, known)
    return shard, rows, [value.half() for value in (hidden, x, t, velocity, condition, noise - batch['latent'])]


def error_of(painter, group, chooser):
    """Squared error of the corrected velocity, and of the uncorrected one."""
    shard, rows, tensors = group
    hidden, x, t, velocity, condition, truth = (value.float() for value in tensors)
    given = guidance(shard, rows, chooser)
    guides = painter.guides(*(given[name] for name in ('guide', 'guide_strength', 'content', 'content_strength', 'style', 'style_strength')))
    corrected = velocity + painter.denoiser.corrector(hidden, x, t, velocity, condition, guides)
    return (corrected.float() - truth).square().mean(), (velocity - truth).square().mean()


@torch.no_grad()
def measured(painter, groups):
    """Mean errors with all kinds of guides mixed, on pictures that were not trained on."""
    torch.manual_seed(4)
    errors = [error_of(painter, group, random.Random(4)) for group in groups]
    return [round(float(torch.stack(column).mean()), 4) for column in zip(*errors)]


def train(painter, data, minutes, chooser):
    started, groups, step, history = time.time(), [], 0, []
    spent = lambda: (time.time() - started) / (minutes * 60)
    while spent() < LOOKS_SHARE:
        groups.append(looked_at(painter, data, OBJECT_CYCLE[len(groups) % len(OBJECT_CYCLE)], chooser, len(groups) < MEASURED))
    print('groups of pictures looked at', len(groups), flush=True)
    modules = [painter.guides, painter.denoiser.corrector]
    parameters = [p.requires_grad_() for module in modules for p in module.parameters()]
    average = [p.detach().clone() for p in parameters]
    optimiser = torch.optim.AdamW(parameters, lr=PEAK_RATE, betas=(.9, .98), weight_decay=.01)
    while (share := (spent() - LOOKS_SHARE) / (1 - LOOKS_SHARE)) < 1:
        optimiser.param_groups[0]['lr'] = PEAK_RATE * min(1, (step + 1) / 30) * max(.02, 1 - share)
        with torch.autocast('cpu', torch.bfloat16):
            loss, _ = error_of(painter, chooser.choice(groups[MEASURED:]), chooser)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.)
        optimiser.step()
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - min(.99, 1 - 1 / (step * .1 + 2)))
        step += 1
        history.append(loss.item())
        if step % 100 == 0:
            print('step', step, round(float(np.mean(history[-100:])), 4), flush=True)
    for parameter, mean in zip(parameters, average):
        parameter.data.copy_(mean)
    print('error on other pictures, with and without guides:', measured(painter, groups[:MEASURED]), flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=20)
    parser.add_argument('--threads', type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(6)
    painted = load_painter(CHECKPOINT).requires_grad_(False)
    train(painted, Dataset(load_vae(CHECKPOINTS / 'vae.pt'), torch.device('cpu'), 6), arguments.minutes, random.Random(6))
    state = torch.load(CHECKPOINT, map_location='cpu')
    learned = {name: value for name, value in painted.state_dict().items() if 'guides.' in name or '.corrector.' in name}
    save_atomically(state | {'average': state['average'] | learned, 'model': state['model'] | learned}, CHECKPOINT)
