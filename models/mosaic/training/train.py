"""
Trains the painter by rectified flow on stored latents. Resumes from its checkpoint; a stop at any moment costs at most five minutes.

    python train.py --minutes 60 --start ../graphs      begins with the released weights
    python train.py --minutes 60                        goes on from the checkpoint (or starts from nothing)
    python train.py --minutes 60 --restart-schedule     goes on with the learning rate up again

The clock counts seconds of work: a paused process loses nothing.
"""
import argparse
import copy
import signal
import time

import numpy as np
import torch

from dataset import Dataset
from export import load_vae
from model import Painter, load_extended
from muon import Muon
from vocabulary import Vocabulary
from warm_start import load_painter_graphs
from workplace import CHECKPOINTS, save_atomically

CHECKPOINT = CHECKPOINTS / 'painter.pt'
SAVE_EVERY_S, LOOK_FOR_SHARDS_EVERY = 300, 30
LONGEST_STEP_COUNTED_S = 30
OBJECT_CYCLE = (1, 2, 1, 2, 1, 3, 1, 2)
WARM_UP_STEPS, HOLD_SHARE, LAST_RATE = 12, .45, .02
CONDITION_GROUPS = ('guides.', '.views.')   # what joined late: a rate of its own, or trained alone
MUON_GROUPS = ('.blocks.', '.down_residuals.', '.up_residuals.', 'references.residuals.')


def split_parameters(model):
    inner = [p for name, p in model.named_parameters() if name.endswith('weight') and p.ndim in (2, 4) and any(g in name for g in MUON_GROUPS)]
    taken = {id(p) for p in inner}
    rest = [(name, p) for name, p in model.named_parameters() if id(p) not in taken]
    young = [p for name, p in rest if any(g in name for g in CONDITION_GROUPS)]
    return inner, [p for name, p in rest if not any(g in name for g in CONDITION_GROUPS)], young


def times(n, device):
    """Stratified, logit-normal: most of the work is in the middle of the path."""
    uniform = ((torch.randperm(n) + torch.rand(n)) / n).clamp(1e-4, 1 - 1e-4)
    return torch.sigmoid(torch.special.ndtri(uniform) * 1.1 - .15).to(device)


def flow_error(model, batch, t, noise):
    """Squared velocity error [n, 16, 16], averaged over channels."""
    share = t[:, None, None, None]
    context, references, conditions = model.prepare(batch['tokens'], batch['at'], batch['reference'], batch['box'], batch['drop'], batch['pose'], **batch['given'])
    x = ((1 - share) * batch['latent'] + share * noise).contiguous(memory_format=torch.channels_last)
    velocity = model.denoiser(x, t, context, references, conditions.contiguous(memory_format=torch.channels_last))
    return (velocity.float() - (noise - batch['latent'])).pow(2).mean(1)


@torch.no_grad()
def held_out_error(model, data):
    generator, errors = torch.Generator().manual_seed(5), []
    for objects in sorted(data.shards):
        batch = data.held_out(objects, 24)
        noise = torch.randn(batch['latent'].shape, generator=generator).to(data.device)
        t = torch.linspace(.05, .95, len(noise)).to(data.device)
        errors.append(round(flow_error(model, batch, t, noise).mean().item(), 4))
    return errors


class Run:
    def __init__(self, args):
        self.args, self.device = args, torch.device(args.device)
        vae = load_vae(CHECKPOINTS / 'vae.pt').to(self.device)
        self.data = Dataset(vae, self.device, int(time.time()))
        self.model = Painter(len(Vocabulary().words))
        state = torch.load(CHECKPOINT, map_location='cpu') if CHECKPOINT.exists() else None
        if state is None and args.start:
            load_painter_graphs(self.model, args.start)
        if state:
            load_extended(self.model, state['average' if args.only_conditions else 'model'])
        self.model = self.model.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        inner, rest, young = split_parameters(self.model)
        if args.only_conditions:   # everything else keeps its weights, and what is painted without guidance stays the same
            for parameter in inner + rest:
                parameter.requires_grad_(False)
            inner, rest = [], []
        self.muon, self.adam = Muon(inner), torch.optim.AdamW([{'params': rest}, {'params': young}], lr=1e-3, betas=(.9, .98), weight_decay=.01, foreach=True)
        self.step, self.seen, self.worked_s, self.schedule_s = 0, 0, 0., 0.
        if state:
            self.resume(state)

    def resume(self, state):
        load_extended(self.average, state['average'])
        if len(self.adam.state_dict()['param_groups'][1]['params']) == len(state['adam']['param_groups'][-1]['params']):   # else other weights were trained then
            self.adam.load_state_dict(state['adam'])
            for own, saved in zip(self.muon.velocity, state['muon']):
                own.copy_(saved)
        self.step, self.seen, self.worked_s = state['step'], state['seen'], state['worked_s']
        self.schedule_s = 0. if self.args.restart_schedule else state['schedule_s']

    def save(self):
        save_atomically({'model': self.model.state_dict(), 'average': self.average.state_dict(), 'adam': self.adam.state_dict(), 'muon': self.muon.velocity,
                         'step': self.step, 'seen': self.seen, 'worked_s': self.worked_s, 'schedule_s': self.schedule_s}, CHECKPOINT)

    def rate(self, steps_here):
        share = self.schedule_s / (self.args.minutes * 60)
        fall = 1 if share < HOLD_SHARE else max(LAST_RATE, (1 - share) / (1 - HOLD_SHARE))
        return min(1, (steps_here + 1) / WARM_UP_STEPS) * fall

    def update(self, rate, steps_here):
        batch = self.data.batch(self.args.batch, OBJECT_CYCLE[self.step % len(OBJECT_CYCLE)])
        noise = torch.randn_like(batch['latent'])
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.args.half):
            error = flow_error(self.model, batch, times(len(noise), self.device), noise)
        loss = (error * batch['weight']).sum() / batch['weight'].sum()
        self.adam.zero_grad(set_to_none=True)
        for parameter in self.muon.parameters:
            parameter.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.)
        for group, peak in zip(self.adam.param_groups, (self.args.adam_rate, self.args.condition_rate)):
            group['lr'] = peak * rate
        self.muon.step(self.args.muon_rate * rate)
        self.adam.step()
        keep = min(self.args.average, 1 - 1 / (steps_here * .1 + 8))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), [p.detach() for p in self.model.parameters()], 1 - keep)
        self.step, self.seen = self.step + 1, self.seen + len(noise)
        return error.mean().item(), ((error * batch['mask']).sum() / batch['mask'].sum()).item()

    def train(self):
        print('shards', {k: len(v) for k, v in self.data.shards.items()}, 'held out before', held_out_error(self.average, self.data), flush=True)
        last, saved, here, history = time.time(), time.time(), 0, []
        stopping = []
        signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))   # a polite stop saves first
        while self.schedule_s < self.args.minutes * 60 and not stopping:
            history.append(self.update(self.rate(here), here))
            here, now = here + 1, time.time()
            spent, last = min(now - last, LONGEST_STEP_COUNTED_S), now
            self.worked_s, self.schedule_s = self.worked_s + spent, self.schedule_s + spent
            if here % LOOK_FOR_SHARDS_EVERY == 0:
                self.data.take_new_shards(at_most=1)
                whole, objects = np.mean(history[-LOOK_FOR_SHARDS_EVERY:], 0)
                print(f'step {self.step} seen {self.seen} worked {self.worked_s:.0f} s error {whole:.4f} objects {objects:.4f} shards {len(self.data.seen)}', flush=True)
            if now - saved > SAVE_EVERY_S:
                saved = now
                self.save()
                print('held out', held_out_error(self.average, self.data), flush=True)
        self.save()
        print('stopped' if stopping else 'done', held_out_error(self.average, self.data), flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=60, help='length of the schedule, in minutes of work')
    parser.add_argument('--start', help='folder with graphs to start from when there is no checkpoint')
    parser.add_argument('--restart-schedule', action='store_true')
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--muon-rate', type=float, default=3e-3)
    parser.add_argument('--adam-rate', type=float, default=1.2e-3)
    parser.add_argument('--only-conditions', action='store_true', help='trains what guides beside words and references, and leaves the rest as it is')
    parser.add_argument('--condition-rate', type=float, default=1.2e-3)
    parser.add_argument('--average', type=float, default=.995, help='how much of the average stays at each step: .998 for runs of ten thousand steps')
    parser.add_argument('--half', action=argparse.BooleanOptionalAction, default=True, help='bfloat16 products: twice as fast where the processor has them')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(int(time.time()))
    Run(arguments).train()
