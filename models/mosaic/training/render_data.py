"""
Renders training pictures into shards; run it again to add more (a shard is a function of its number).

    python render_data.py --shards 24

Shard k of P pictures with S objects each: pictures-k.npy uint8 [P, 128, 128, 3], references-k.npy uint8 [P, S, 4, 96, 96], attributes-k.json.
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
    rendered = [composer.picture(count) for _ in range(PICTURES_EACH)]
    np.save(DATA / f'pictures-{number}.npy', np.stack([p for p, _, _ in rendered]))
    np.save(DATA / f'references-{number}.npy', np.stack([r for _, r, _ in rendered]))
    partial = attributes_path.with_suffix('.partial')   # the attributes come last and whole: other processes take a shard for finished by them
    partial.write_text(json.dumps([a for _, _, a in rendered]))
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
