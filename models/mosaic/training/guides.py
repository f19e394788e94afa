"""What guides a picture besides words: its edges, how near things are, a grade of its colours. Tensors are [n, channels, side, side] in 0..1."""
import numpy as np
import torch
import torch.nn.functional as F

FAINTEST_EDGE, EDGE_RANGE = .05, .2
HORIZON, GROUND_NEARNESS, FLOATING_NEARNESS, BEFORE_THE_GROUND = .55, .8, .6, .15


def edges(pictures):
    """pictures in 0..1: each colour smoothed by (1 2 1), Sobel's gradient, the strongest of the three colours, faint ones cut off: [n, 1, side, side]."""
    x = F.pad(pictures, (2, 2, 2, 2), mode='replicate')
    along = lambda x, kernel, transposed: F.conv2d(x, kernel.reshape(1, 1, 3, 1).transpose(2, 3 if transposed else 2).repeat(3, 1, 1, 1), groups=3)
    smooth, slope = torch.tensor([1., 2, 1]) / 4, torch.tensor([-1., 0, 1])
    x = along(along(x, smooth, True), smooth, False)
    across = along(along(x, slope, True), smooth, False)
    down = along(along(x, slope, False), smooth, True)
    return ((across.square() + down.square()).sqrt().amax(1, keepdim=True) - FAINTEST_EDGE).div(EDGE_RANGE).clamp(0, 1)


def ground_nearness(scene, side):
    """uint8 [side, side]: far behind the horizon, nearer towards the lower border; where everything floats, far everywhere."""
    rows = np.zeros(side) if scene.air or scene.name == 'plain' else np.clip((np.arange(side) / side - HORIZON) / (1 - HORIZON), 0, 1) * GROUND_NEARNESS
    return np.repeat((rows * 255).astype(np.uint8)[:, None], side, 1)


def object_nearness(ground, foot, grounded):
    """0..255: a thing is a little nearer than the ground at its foot."""
    if not grounded:
        return round(FLOATING_NEARNESS * 255)
    return min(255, max(round(.35 * 255), int(ground[min(len(ground) - 1, foot), 0]) + round(BEFORE_THE_GROUND * 255)))


def random_grade(random):
    """(gain of each colour, saturation, contrast, lift)"""
    return [[random.uniform(.68, 1.12) for _ in range(3)], random.choice((0., .4, .7, 1., 1.3)), random.uniform(.75, 1.25), random.uniform(-.08, .1)]


def graded(picture, grade):
    """uint8 [.., 3]"""
    gain, saturation, contrast, lift = grade
    x = picture.astype(np.float32) / 255
    grey = x.mean(-1, keepdims=True)
    x = ((grey + (x - grey) * saturation) * np.array(gain, np.float32) - .5) * contrast + .5 + lift
    return (np.clip(x, 0, 1) * 255).astype(np.uint8)
