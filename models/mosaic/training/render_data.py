"""
Renders training pictures into shards; run it again to add more (a shard is a function of its number).

    python render_data.py --shards 24

Shard k of P pictures with S objects each: pictures-k.npy uint8 [P, 128, 128, 3], guides-k.npy uint8 [P, 2, 128, 128] (nearness, alpha),
references-k.npy uint8 [P, S, 4, 96, 96], views-k.npy uint8 [P, S, 2, 4, 96, 96], attributes-k.json. Pictures 2k and 2k + 1 are alike in style.
"""
import argparse
import json
import os
import random
from pathlib import Path

import numpy as np

from compose import Composer
from concepts import HELD_OUT_FILE, Concepts, held_out
from workplace import DATA

PICTURES_EACH = 1000
ARRAYS = ('pictures', 'guides', 'references', 'views')
OBJECTS = (1, 2, 1, 2, 1, 2, 1, 3)   # objects per picture, by shard number


def training_concepts(concepts):
    listed = json.loads((Path(__file__).parent / HELD_OUT_FILE).read_text())
    kept_out = held_out(concepts, listed)
    return [k for k in range(len(concepts.all)) if k not in kept_out]


def write_shard(number, concepts):
    attributes_path = DATA / f'attributes-{number}.json'
    if attributes_path.exists():
        return
    count = OBJECTS[number % len(OBJECTS)]
    composer = Composer(concepts, training_concepts(concepts), random.Random(1000 + number))
    rendered = [composer.picture(count, setting) for setting in (composer.setting() for _ in range(PICTURES_EACH // 2)) for _ in range(2)]
    *arrays, attributes = zip(*rendered)
    for name, array in zip(ARRAYS, arrays):
        np.save(DATA / f'{name}-{number}.npy', np.stack(array))
    partial = attributes_path.with_suffix('.partial')   # the attributes come last and whole: other processes take a shard for finished by them
    partial.write_text(json.dumps(attributes))
    os.replace(partial, attributes_path)
    print('shard', number, 'objects', count, flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--shards', type=int, default=24)
    parser.add_argument('--first', type=int, default=0)
    arguments = parser.parse_args()
    bank = Concepts()
    for shard in range(arguments.first, arguments.first + arguments.shards):
        write_shard(shard, bank)
