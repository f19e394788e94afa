"""What people type: a caption with <s0>, <s1>, <s2> where nouns stand, worded differently every time."""
import json

from scenes import SCENES
from vocabulary import MAX_TOKENS

PHRASES = {scene.name: scene.phrases for scene in SCENES}
SIZE_WORDS = {'small': ('small', 'tiny', 'little'), 'medium': (), 'big': ('big', 'large', 'huge', 'giant')}
PLACE_WORDS = {'left': ('on the left', 'at the left', 'on the left side'), 'right': ('on the right', 'at the right', 'on the right side'), 'centre': ('in the middle', 'in the center')}
LIGHT_WORDS = {'sunset': ('at sunset', 'at sunset', 'in the evening', 'at dusk', 'with a sunset', 'during sunset'),
               'night': ('at night', 'at night', 'under the stars', 'by night', 'in the dark', 'at midnight'),
               'day': ('in daylight', 'on a sunny day', 'in the sun', 'in the morning')}
LOOK_WORDS = {'3d': (('', '3d'), ('', '3d style'), ('3d', ''), ('', '3d render'), ('a 3d render of', ''), ('3d style', '')),
              'flat': (('', 'flat style'), ('flat', ''), ('', 'flat'), ('', 'flat illustration'), ('a flat illustration of', ''), ('flat style', ''))}
CINEMATIC_WORDS = ('cinematic', 'cinematic light', 'dramatic light', 'cinematic style', 'moody')
RELATION_WORDS = {'left': ('left of', 'to the left of', 'on the left of'), 'right': ('right of', 'to the right of', 'on the right of'),
                  'near': ('and', 'and', 'and', 'next to', 'with', 'beside', 'near'), 'above': ('above', 'over'),
                  'on': ('on', 'on top of', 'on top of', 'sitting on', 'riding'), 'behind': ('behind', 'in back of')}
COLOUR_WORDS = {'gray': ('gray', 'grey'), 'turquoise': ('turquoise', 'teal', 'cyan'), 'purple': ('purple', 'purple', 'violet'), 'pink': ('pink', 'pink', 'magenta'),
                'white': ('white', 'white', 'bright white')}
OWN_LIGHT = {'sea_at_sunset', 'night_hills', 'space', 'cave'}   # their phrases say the hour, or there is none


def every_phrase():
    """All wordings, to build the vocabulary from."""
    yield from (p for phrases in PHRASES.values() for p in phrases)
    for group in (SIZE_WORDS, PLACE_WORDS, LIGHT_WORDS, RELATION_WORDS, COLOUR_WORDS):
        yield from (p for phrases in group.values() for p in phrases)
    yield from (part for pairs in LOOK_WORDS.values() for pair in pairs for part in pair)
    yield from CINEMATIC_WORDS
    yield from ('an the one two brown turquoise three', 'solid background', 'simple background')


def scene_phrase(attributes, random, full):
    if attributes['scene'] == 'plain':
        colour = random.choice(COLOUR_WORDS.get(attributes['plain'], (attributes['plain'],))[:2])
        return random.choice((f'on a {colour} background', f'on a plain {colour} background', f'{colour} background', f'on {colour}', f'with a {colour} background'))
    phrase = random.choice(PHRASES[attributes['scene']])
    hour = attributes['light']
    if attributes['scene'] in OWN_LIGHT or hour == 'day' and random.random() > .08:
        return phrase
    words = random.choice(LIGHT_WORDS[hour])
    if not full and random.random() < .03:
        return phrase
    return f'{phrase} {words}' if random.random() < .85 else f'{words} {phrase}'


def object_words(entry, slot, random, full):
    words = [random.choice(('a', 'a', 'a', 'the', 'one'))] if random.random() < .8 else []
    if SIZE_WORDS[entry['size']] and (full or random.random() < .8):
        words.append(random.choice(SIZE_WORDS[entry['size']]))
    if entry['colour']:   # always: else things take on colours that nobody asked for
        words.append(random.choice(COLOUR_WORDS.get(entry['colour'], (entry['colour'],))))
    return ' '.join([*words, f'<s{slot}>'])


def objects_phrase(attributes, random, full):
    entries = [object_words(entry, k, random, full) for k, entry in enumerate(attributes['objects'])]
    if len(entries) == 1:
        place = attributes['relation']
        said = place != 'centre' and (full or random.random() < .85) or random.random() < .05
        return f'{entries[0]} {random.choice(PLACE_WORDS[place])}' if said else entries[0]
    if len(entries) == 2:
        return f'{entries[0]} {random.choice(RELATION_WORDS[attributes["relation"]])} {entries[1]}'
    return random.choice((f'{entries[0]} {entries[1]} and {entries[2]}', f'{entries[0]} and {entries[1]} and {entries[2]}', f'{entries[0]} next to {entries[1]} and {entries[2]}'))


def caption(attributes, random, full=False):
    """Mentions most of what is known; `full` mentions all of it."""
    for _ in range(8):
        look = 'flat' if attributes['flat'] else '3d'
        before, after = random.choice(LOOK_WORDS[look]) if full or random.random() < .88 else ('', '')
        parts = [before, objects_phrase(attributes, random, full)]
        if full or random.random() < .92:
            parts.append(scene_phrase(attributes, random, full))
        if attributes['cinematic']:
            parts.append(random.choice(CINEMATIC_WORDS))
        words = ' '.join([*parts, after]).split()
        if len(words) <= MAX_TOKENS:
            break
    return ' '.join(words[:MAX_TOKENS])


if __name__ == '__main__':
    from pathlib import Path
    from vocabulary import missing_words
    target = Path(__file__).parent / 'added_words.json'
    added = json.loads(target.read_text()) if target.exists() else []
    target.write_text(json.dumps(added) + '\n')
    target.write_text(json.dumps(added + missing_words(every_phrase())) + '\n')
    print('added words:', len(json.loads(target.read_text())))
