"""
Prompt -> picture with exported graphs (onnxruntime), so that what is judged is what ships.

    python sample.py "a red {automobile} on a beach at sunset 3d style" --graphs export --out car.png --seed 7

Nouns stand in braces under their emoji names; finding them in free text is the engine's part.
"""
import argparse
import json
import random
import re
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from compose import random_pose
from concepts import Concepts, aspect, reference
from workplace import EXPORT

STEPS, GUIDANCE, LAYOUT_TEMPERATURE = 20, 2.5, .6
TWIN_FOLLOWS = .2   # of a guide's strength, what the unguided row gets; as in ../manifest.json
EULER_UP_TO_STEPS, EULER_SHIFT, SHIFT = 5, 2.2, 1.5
SIDE_RANGE_PX, MARGIN_PX = (30, 120), 2
UPRIGHT = np.eye(2, dtype=np.float32)


def times(steps, shift):
    t = np.linspace(1, 0, steps + 1)
    return shift * t / (1 + (shift - 1) * t)


def flow(velocity, x, steps, shift=None, order=None):
    """
    From noise at time 1 to the picture at 0. Few steps are Euler's, most of them spent on the noisy half; more of them use the velocity before, too
    (Adams and Bashforth's second order), which costs nothing.
    """
    first = steps <= EULER_UP_TO_STEPS
    at = times(steps, shift or (EULER_SHIFT if first else SHIFT))
    before, length_before = None, 1.
    for start, end in zip(at, at[1:]):
        v, length = velocity(x, start), start - end
        slope = v if before is None or (order or (1 if first else 2)) == 1 else v + .5 * length / length_before * (v - before)
        x, before, length_before = (x - length * slope).astype(np.float32), v, length
    return x


class Graphs:
    """A folder of graphs; the first release's have one graph for each number of objects, and no poses."""

    def __init__(self, folder, concepts):
        self.folder, self.sessions, self.concepts = Path(folder), {}, concepts
        self.words = {word: k for k, word in enumerate(json.loads((self.folder / 'vocab.json').read_text()))}
        self.is_first_release = (self.folder / 'prep1.onnx').exists()

    def run(self, name, **feeds):
        if name not in self.sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.sessions[name] = onnxruntime.InferenceSession(str(self.folder / f'{name}.onnx'), options, providers=['CPUExecutionProvider'])
        session = self.sessions[name]
        lengths = {'n': len(next(iter(feeds.values()))), 's': feeds['at'].shape[1] if 'at' in feeds else 0, 'v': 1, 'rank': 1}
        absent = {i.name: np.zeros([lengths.get(d, d) for d in i.shape], np.float32) for i in session.get_inputs() if i.name not in feeds}
        return session.run(None, feeds | absent)

    def parse(self, prompt):
        names = re.findall(r'\{([^}]*)\}', prompt)
        ids = [next(k for k, c in enumerate(self.concepts.all) if c['name'] == name.lower()) for name in names]
        for k, name in enumerate(names):
            prompt = prompt.replace(f'{{{name}}}', f'<s{k}>', 1)
        tokens = [self.words[w] for w in prompt.lower().split() if w in self.words][:16]
        at = [tokens.index(self.words[f'<s{k}>']) for k in range(len(ids))]
        return tokens + [0] * (16 - len(tokens)), at, ids, 'flat' in prompt.split()

    def boxes(self, tokens, at, squares, floats, flat, rng):
        slots = len(at)
        shapes = [[*aspect(s), float(f), float(flat), slots - 1.] for s, f in zip(squares, floats)]
        mean, deviation = self.run(f'layout{slots}' if self.is_first_release else 'layout', tok=np.array([tokens]), at=np.array([at]), shape=np.array([shapes], np.float32))
        z = mean[0] + np.exp(deviation[0]) * rng.standard_normal((slots, 3)) * LAYOUT_TEMPERATURE
        sides = np.clip(np.exp(z[:, 2] / 2) * 64, *SIDE_RANGE_PX)
        half = np.array([[s[0], s[1]] for s in shapes]) * sides[:, None] / 2
        centres = np.clip((z[:, :2] / 4 + .5) * 128, half + MARGIN_PX, 128 - MARGIN_PX - half)
        return np.concatenate([centres, sides[:, None]], 1).astype(np.float32)

    def velocity(self, x, t, guidance, prepared, adapter):
        rows = len(prepared[0])
        context, references, conditions = prepared
        v, = self.run('denoiser', x=np.concatenate([x] * rows), t=np.full(rows, t, np.float32), ctx=context, reftok=references, cond=conditions, **adapter)
        return v if rows == 1 else v[1:] + guidance * (v[:1] - v[1:])

    def prepare(self, prompt, rng, poses=True, pictures=None, given=None, guided=True, place=None):
        """The conditioning's outputs for the caption and, where `guided`, for nothing; boxes and references. `given`: further
        inputs, for one picture; `place`: the first thing's centre and side, where a guide says it, instead of the layout's."""
        tokens, at, ids, flat = self.parse(prompt)
        squares = [p or self.concepts.sprite(k, 'flat' if flat else '3d') for k, p in zip(ids, pictures or [None] * len(ids))]
        boxes = self.boxes(tokens, at, squares, [self.concepts.all[k]['floats'] for k in ids], flat, rng)
        if place is not None:
            boxes[0] = place
        slots, rows = len(ids), 2 if guided else 1
        references = np.stack([reference(s) for s in squares]).astype(np.float32) / 255
        feeds = {'tok': np.array([tokens, [0] * 16]), 'at': np.array([at, [0] * slots]), 'ref': np.stack([references, references * 0]),
                 'box': np.stack([boxes, boxes * 0 - 1]), 'drop': np.array([[0.] * slots, [1.] * slots], np.float32)}
        if not self.is_first_release:
            chooser = random.Random(int(rng.integers(1 << 31)))
            pose = np.stack([random_pose(chooser).astype(np.float32) if poses and place is None else UPRIGHT for _ in ids])
            feeds['pose'] = np.stack([pose, np.stack([UPRIGHT] * slots)])
        followed = lambda name: np.array(TWIN_FOLLOWS if name.endswith('strength') else 1, np.float32)
        feeds |= {name: np.stack([np.asarray(value, np.float32), np.asarray(value, np.float32) * followed(name)]) for name, value in (given or {}).items()}
        return self.run(f'prep{slots}' if self.is_first_release else 'conditioning', **{k: v[:rows] for k, v in feeds.items()}), boxes, squares

    def paint(self, prompt, seed, steps=STEPS, guidance=GUIDANCE, poses=True, pictures=None, solver=flow, given=None, adapter=None, place=None):
        """
        uint8 [128, 128, 3], the boxes and the references. `pictures` replaces the concepts' sprites by other RGBA images (own cut-outs); `given` are further
        inputs of the conditioning, `adapter` those of the denoiser; guidance None does without the unconditional row.
        """
        rng = np.random.default_rng(seed)
        prepared, boxes, squares = self.prepare(prompt, rng, poses, pictures, given, guidance is not None, place)
        x = rng.standard_normal((1, 8, 16, 16)).astype(np.float32)
        x = solver(lambda x, t: self.velocity(x, t, guidance, prepared, adapter or {}), x, steps)
        image, = self.run('decoder', z=x)
        return ((image[0].transpose(1, 2, 0) + 1) * 127.5).round().clip(0, 255).astype(np.uint8), boxes, squares


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('prompt')
    parser.add_argument('--graphs', default=str(EXPORT))
    parser.add_argument('--out', default='picture.png')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--steps', type=int, default=STEPS)
    parser.add_argument('--guidance', type=float, default=GUIDANCE)
    arguments = parser.parse_args()
    painted, _, _ = Graphs(arguments.graphs, Concepts()).paint(arguments.prompt, arguments.seed, arguments.steps, arguments.guidance)
    Image.fromarray(painted).resize((512, 512), Image.LANCZOS).save(arguments.out)
