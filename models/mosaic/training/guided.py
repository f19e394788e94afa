"""
How real the guidance is: pictures of things and arrangements that were held out are painted again from their edges, nearness, blurred latent or style, and
own cut-outs stand in new scenes.

    python guided.py figures        likeness of edges, masks, layout and colours to the guide's, by strength
    python guided.py sheet          guided.png: source, guide, and what three strengths paint
    python guided.py characters     characters.png: ten cut-outs in three scenes each
    python guided.py views          what further pictures of a thing add
"""
import argparse
import json
import random

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from captions import caption
from concepts import Concepts, reference, squared
from conditions import STYLE_PX
from guides import edges
from matting import unseen_renders
from nouns import Recogniser, cropped, recognised, references_of
from render_data import training_concepts
from sample import Graphs
from train_vae import as_pictures, shipped_photographs
from workplace import CHECKPOINTS, EXPORT, SHEETS

STRENGTHS = (0., .25, .5, .75, 1.)
SHEET_STRENGTHS = (0., .5, 1.)
KINDS = ('edges', 'nearness', 'content', 'style')
GUIDED_PICTURES, SEED, STEPS = 12, 40, 8
LEADS_FROM = .5               # from this strength on the guide says where the thing stands, as in the engine
CHARACTER_SCENES = ('a {X} on a beach 3d style', 'a {X} in a forest at night 3d style', 'a {X} and a {rocket} in a city 3d style')
CHARACTER_NAMES = ('elephant', 'koala', 'mage', 'ninja', 'frog', 'church')
PHOTOGRAPHS = (0, 2, 3, 4)    # astronaut, coffee, rocket, photographer
VIEWED_THINGS = 24
SOFT_MATTE = .15              # half of the range of a matte in which a border is soft
STAND_IN = 'teddy bear'       # a name the parser finds; its picture is replaced


def place_of(alpha):
    """Centre and side of the box of what is more than half there; the middle where nothing is."""
    rows, columns = (np.flatnonzero((alpha > .5).mean(axis) > .02) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return 64., 64., 60.
    return (columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2, float(max(np.ptp(rows), np.ptp(columns)) + 1)


class Sources:
    """Renders of things held out, one in each, with what can guide a picture towards them."""

    def __init__(self, graphs, concepts):
        held = unseen_renders()
        everything = json.loads(str(held['attributes']))
        self.rows = [k for k, a in enumerate(everything) if len(a['objects']) == 1 and not a['graded'] and not a['cinematic']][:GUIDED_PICTURES]
        self.pictures, self.guides = held['pictures'][self.rows], held['guides'][self.rows]
        x = as_pictures(self.pictures)
        self.edges = edges((x + 1) / 2).numpy()
        self.latents = np.concatenate([graphs.run('encoder', image=picture[None].numpy())[0] for picture in x])
        self.places = [place_of(graphs.run('matting', image=picture[None].numpy())[0][0, 0]) for picture in x]
        self.styles = F.interpolate(x, size=(STYLE_PX, STYLE_PX), mode='area').numpy()
        fixed = random.Random(2)
        self.prompts = [caption(everything[k], fixed, True).replace('<s0>', f'{{{concepts.all[everything[k]["objects"][0]["concept"]]["name"]}}}') for k in self.rows]
        self.plain_prompts = [f'a {{{concepts.all[everything[k]["objects"][0]["concept"]]["name"]}}}' for k in self.rows]

    def given(self, kind, k, strength):
        """Inputs of the conditioning for one picture."""
        if kind == 'content':
            return {'content': self.latents[k], 'content_strength': strength}
        if kind == 'style':
            return {'style': self.styles[k], 'style_strength': strength}
        guide = np.zeros((2, 128, 128), np.float32)
        guide[KINDS.index(kind)] = self.edges[k, 0] if kind == 'edges' else self.guides[k, 0] / 255
        return {'guide': guide, 'guide_strength': np.eye(2)[KINDS.index(kind)] * strength}

    def painted(self, graphs, kind, k, strength):
        """Edges and nearness say where, words what; content and style stand beside the bare thing, so that only they can say the rest."""
        prompt = self.plain_prompts[k] if kind in ('content', 'style') else self.prompts[k]
        leads = kind != 'style' and strength >= LEADS_FROM
        return graphs.paint(prompt, SEED + k, steps=STEPS, given=self.given(kind, k, strength), place=self.places[k] if leads else None)[0]


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def likeness(kind, graphs, sources, k, picture):
    """In the terms of the guide: correlation of edges, of latents and of mean colours; intersection over union of the masks."""
    x = as_pictures(picture[None])
    if kind == 'edges':
        return correlation(edges((x + 1) / 2).numpy(), sources.edges[k])
    if kind == 'nearness':
        alpha, truth = graphs.run('matting', image=x.numpy())[0][0, 0] > .5, sources.guides[k, 1] > 127
        return (alpha & truth).sum() / max(1, (alpha | truth).sum())
    if kind == 'content':
        return correlation(graphs.run('encoder', image=x.numpy())[0], sources.latents[k])
    statistics = lambda p: np.concatenate([p.reshape(-1, 3).mean(0), p.reshape(-1, 3).std(0)])
    return -float(np.abs(statistics(picture.astype(float)) - statistics(sources.pictures[k].astype(float))).mean())


def figures(graphs, sources):
    for kind in KINDS:
        by_strength = [np.mean([likeness(kind, graphs, sources, k, sources.painted(graphs, kind, k, s)) for k in range(len(sources.rows))]) for s in STRENGTHS]
        print(kind, dict(zip(STRENGTHS, np.round(by_strength, 3).tolist())), flush=True)


def guide_picture(sources, kind, k):
    if kind == 'edges':
        return np.repeat(sources.edges[k, 0, :, :, None] * 255, 3, 2)
    if kind == 'nearness':
        return np.repeat(sources.guides[k, 0][..., None], 3, 2)
    small = Image.fromarray(sources.pictures[k]).resize((8, 8) if kind == 'content' else (STYLE_PX,) * 2, Image.BOX)
    return np.asarray(small.resize((128, 128), Image.BICUBIC))


def sheet(graphs, sources):
    columns = []
    for position, kind in enumerate(KINDS):
        for k in range(3 * position, 3 * position + 3):
            columns.append(np.concatenate([sources.pictures[k], guide_picture(sources, kind, k), *(sources.painted(graphs, kind, k, s) for s in SHEET_STRENGTHS)], 0))
    Image.fromarray(np.concatenate(columns, 1).clip(0, 255).astype(np.uint8)).save(SHEETS / 'guided.png')


def cut_out(graphs, picture):
    """RGBA image of a photograph's subject, by the matting graph."""
    alpha = graphs.run('matting', image=as_pictures(picture[None]).numpy())[0][0, 0]
    alpha = np.clip((alpha - .5) / (2 * SOFT_MATTE) + .5, 0, 1)
    return squared(np.concatenate([picture, (alpha * 255).astype(np.uint8)[..., None]], 2))


def characters(graphs, concepts):
    index = {c['name']: k for k, c in enumerate(concepts.all)}
    cut_outs = [concepts.sprite(index[name], '3d') for name in CHARACTER_NAMES] + [cut_out(graphs, shipped_photographs()[k]) for k in PHOTOGRAPHS]
    columns = []
    for k, character in enumerate(cut_outs):
        shown = Image.new('RGBA', (128, 128), 'white')
        shown.alpha_composite(character.resize((128, 128)))
        scenes = [graphs.paint(text.replace('{X}', f'{{{STAND_IN}}}'), SEED + k, steps=STEPS, pictures=[character] + [None] * (text.count('{') - 1))[0] for text in CHARACTER_SCENES]
        columns.append(np.concatenate([np.asarray(shown.convert('RGB')), *scenes], 0))
    Image.fromarray(np.concatenate(columns, 1)).save(SHEETS / 'characters.png')


def further_views(graphs, concepts):
    """Things known by a flat picture, painted in three dimensions: likeness to their rendered picture, with it among the views and without any."""
    recogniser = Recogniser()
    recogniser.load_state_dict(torch.load(CHECKPOINTS / 'nouns.pt'))
    recogniser.eval()
    trained = set(training_concepts(concepts))
    ids = random.Random(6).sample([k for k in range(len(concepts.all)) if k not in trained], VIEWED_THINGS)
    truth = references_of(concepts, ids)
    for count in (0, 1, 2):
        crops = []
        for position, concept in enumerate(ids):
            views = np.stack([reference(concepts.sprite(concept, look)) for look in ('3d', 'modern')]).astype(np.float32)[None] / 255
            given = {'views': views, 'view_weight': np.array([[1., 1.]]) * (np.arange(2) < count)}
            text = f'a {{{concepts.all[concept]["name"]}}} on a beach 3d style'
            picture, boxes, _ = graphs.paint(text, SEED + position, steps=STEPS, given=given, pictures=[concepts.sprite(concept, 'flat')])
            crops.append(cropped(picture, boxes[0]))
        print('further views', count, 'named right %.3f, likeness %.3f' % recognised(recogniser, torch.stack(crops), truth, torch.arange(len(ids))), flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=['figures', 'sheet', 'characters', 'views'])
    parser.add_argument('--graphs', default=str(EXPORT))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bank = Concepts()
    exported = Graphs(arguments.graphs, bank)
    if arguments.what in ('characters', 'views'):
        {'characters': characters, 'views': further_views}[arguments.what](exported, bank)
    else:
        {'figures': figures, 'sheet': sheet}[arguments.what](exported, Sources(exported, bank))
