"""
Steps against quality: how near few steps come to many, in decibels of the decoded picture, for Euler's method on even steps and for what the engine does.

    python steps.py --graphs export
"""
import argparse

import numpy as np

from concepts import Concepts
from evaluate import PROMPTS
from sample import Graphs, flow
from workplace import EXPORT

MANY_STEPS, FEW_STEPS, EVERY_PROMPT = 60, (4, 6, 8, 12, 20), 4


def decibels(pictures, truths):
    return np.mean([10 * np.log10(255 ** 2 / np.mean((a.astype(float) - b) ** 2)) for a, b in zip(pictures, truths)])


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--graphs', default=str(EXPORT))
    graphs, prompts = Graphs(parser.parse_args().graphs, Concepts()), [prompt for prompt, _, _ in PROMPTS[::EVERY_PROMPT]]
    paint = lambda steps, solver=flow: [graphs.paint(prompt, seed=1, steps=steps, solver=solver)[0] for prompt in prompts]
    truths = paint(MANY_STEPS)
    for count in FEW_STEPS:
        even = paint(count, lambda velocity, x, steps: flow(velocity, x, steps, shift=1, order=1))
        print(f'{count} steps: Euler {decibels(even, truths):.1f} dB, engine {decibels(paint(count), truths):.1f} dB', flush=True)
