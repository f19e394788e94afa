"""
Distils four steps into an adapter: the teacher walks its guided path in twice as many steps, and matrices added to the same denoiser learn to take two of
them at once, without a second, unguided evaluation.

    python turbo.py --minutes 15            paths, then training, then adapters/turbo.safetensors in the export folder
"""
import argparse
import json
import random
import time

import numpy as np
import torch

from captions import caption
from dataset import Dataset
from export import load_painter, load_vae
from layers import ADAPTED
from model import no_adapters
from sample import EULER_SHIFT, GUIDANCE, times
from vae import psnr
from workplace import CHECKPOINTS, EXPORT, save_atomically

STEPS, SUBSTEPS, RANK = 4, 2, 6
PATHS_EACH, PATHS_SHARE, MEASURED = 32, .33, 2      # pictures per group; share of the time for paths; groups that are only measured on
PEAK_RATE, OWN_STATES_SHARE = 2e-3, .4
OBJECT_CYCLE = (1, 2, 1, 3)
CHECKPOINT = CHECKPOINTS / 'turbo.pt'


def teacher_path(painter, prepared, nothing, x, substeps, order):
    """States [STEPS + 1, n, 8, 16, 16] of the guided path at the times of the few steps, with so many substeps between them, by Euler's method or Adams and Bashforth's second order."""
    coarse = times(STEPS, EULER_SHIFT)
    fine = np.concatenate([np.linspace(a, b, substeps, endpoint=False) for a, b in zip(coarse, coarse[1:])] + [[0.]])
    both, states, before, length_before = [torch.cat(pair) for pair in zip(prepared, nothing)], [x], None, 1.
    for k, (start, end) in enumerate(zip(fine, fine[1:])):
        said, unsaid = painter.denoiser(torch.cat([x, x]), torch.full((2 * len(x),), float(start)), *both).float().chunk(2)
        velocity, length = unsaid + GUIDANCE * (said - unsaid), float(start - end)
        slope = velocity if before is None or order == 1 else velocity + .5 * length / length_before * (velocity - before)
        x, before, length_before = x - length * slope, velocity, length
        if (k + 1) % substeps == 0:
            states.append(x)
    return torch.stack(states)


def group(painter, data, objects, chooser, compared):
    """What the denoiser reads for some pictures of the data set, and the teacher's paths from noise to them; `compared`: also where the plain four steps lead."""
    shard = chooser.choice(data.shards[objects])
    rows = np.sort(data.rng.choice(len(shard.latents), PATHS_EACH, replace=False))
    batch = data.collate(shard, rows, lambda a: caption(a, chooser, chooser.random() < .5), training=False)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        arguments = [batch[name] for name in ('tokens', 'at', 'reference', 'box', 'drop', 'pose')]
        prepared = painter.prepare(*arguments, **batch['given'])
        tokens, at, reference, box, drop, pose = arguments
        nothing = painter.prepare(tokens * 0, at * 0, reference * 0, box * 0 - 1, drop * 0 + 1, pose, **batch['given'])
        noise = torch.randn(PATHS_EACH, 8, 16, 16)
        path = teacher_path(painter, prepared, nothing, noise, SUBSTEPS, order=2)
        undistilled = teacher_path(painter, prepared, nothing, noise, 1, order=1)[-1] if compared else None
    return [p.half() for p in prepared], path, undistilled


def student_path(painter, adapters, prepared, x):
    at = times(STEPS, EULER_SHIFT)
    for start, end in zip(at, at[1:]):
        x = x - float(start - end) * painter.denoiser(x, torch.full((len(x),), float(start)), *(p.float() for p in prepared), adapters)
    return x


@torch.no_grad()
def measure(painter, vae, adapters, groups):
    """How near the four steps come to the teacher's picture, in decibels."""
    return np.mean([psnr(vae.decode(path[-1]), vae.decode(student_path(painter, adapters, prepared, path[0]))).mean().item() for prepared, path, _ in groups])


def loss_of(painter, adapters, prepared, path):
    """One step from the teacher's state, or from where the student's own last step led, towards the teacher's next state."""
    n, at = path.shape[1], torch.tensor(times(STEPS, EULER_SHIFT), dtype=torch.float32)
    k, rows = torch.randint(STEPS, (n,)), torch.arange(n)
    prepared = [p.float() for p in prepared]
    x = path[k, rows]
    if torch.rand(()) < OWN_STATES_SHARE:
        earlier = (k - 1).clamp(min=0)
        length = (at[earlier] - at[k])[:, None, None, None]
        with torch.no_grad():
            x = path[earlier, rows] - length * painter.denoiser(path[earlier, rows], at[earlier], *prepared, adapters).float()
    target = (x - path[k + 1, rows]) / (at[k] - at[k + 1])[:, None, None, None]
    return (painter.denoiser(x, at[k], *prepared, adapters).float() - target).square().mean()


def write_safetensors(path, tensors, metadata):
    header, body = {'__metadata__': metadata}, b''
    for name, array in tensors.items():
        header[name] = {'dtype': 'F16', 'shape': list(array.shape), 'data_offsets': [len(body), len(body) + array.nbytes]}
        body += array.tobytes()
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, 'little') + text + body)


def train(painter, vae, data, minutes, chooser):
    started, groups = time.time(), []
    spent = lambda: (time.time() - started) / (minutes * 60)
    while spent() < PATHS_SHARE:
        groups.append(group(painter, data, OBJECT_CYCLE[len(groups) % len(OBJECT_CYCLE)], chooser, compared=len(groups) < MEASURED))
    print('paths', len(groups) * PATHS_EACH, flush=True)
    adapters = {name: tuple(m.requires_grad_() for m in pair) for name, pair in no_adapters(RANK).items()}
    optimiser = torch.optim.Adam([m for pair in adapters.values() for m in pair], betas=(.9, .98))
    average = [m.detach().clone() for pair in adapters.values() for m in pair]
    with torch.no_grad():
        plain = np.mean([psnr(vae.decode(path[-1]), vae.decode(undistilled)).mean().item() for _, path, undistilled in groups[:MEASURED]])
    print(f'four guided steps come as near to the teacher as {plain:.2f} dB', flush=True)
    step, history = 0, []
    while (share := (spent() - PATHS_SHARE) / (1 - PATHS_SHARE)) < 1:
        optimiser.param_groups[0]['lr'] = PEAK_RATE * min(1, (step + 1) / 20) * max(.02, 1 - share)
        with torch.autocast('cpu', torch.bfloat16):
            loss = loss_of(painter, adapters, *chooser.choice(groups[MEASURED:])[:2])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        torch._foreach_lerp_(average, [m.detach() for pair in adapters.values() for m in pair], 1 - min(.98, 1 - 1 / (step * .1 + 2)))
        step += 1
        history.append(loss.item())
        if step % 50 == 0:
            print('step', step, round(float(np.mean(history[-50:])), 4), flush=True)
    matrices = iter(average)
    adapters = {name: (next(matrices), next(matrices)) for name in ADAPTED}
    print(f'four distilled ones {measure(painter, vae, adapters, groups[:MEASURED]):.2f} dB', flush=True)
    save_atomically(adapters, CHECKPOINT)
    return adapters


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=15)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--painter', default=str(CHECKPOINTS / 'painter.pt'))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(8)
    teacher, autoencoder = load_painter(arguments.painter).requires_grad_(False), load_vae(CHECKPOINTS / 'vae.pt')
    learned = train(teacher, autoencoder, Dataset(autoencoder, torch.device('cpu'), 8), arguments.minutes, random.Random(8))
    named = {f'{side}.{name}': matrix.half().numpy() for name, pair in learned.items() for side, matrix in zip(('down', 'up'), pair)}
    write_safetensors(EXPORT / 'adapters' / 'turbo.safetensors', named, {'steps': str(STEPS), 'guidance': '1', 'shift': str(EULER_SHIFT), 'rank': str(RANK)})
