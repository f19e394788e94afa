"""Words <-> ids. Ids never change their meaning: new words are appended, so that older weights stay valid."""
import json
from pathlib import Path

MAX_TOKENS = 16
PAD, UNKNOWN = 0, 1
_STUDY_WORDS = ('3d a and at background beach big black blue by city desert field flat forest front gradient grass gray green home huge illustration in indoors '
                'large left little meadow mountains next night ocean of on orange outer pastel pink plain purple red render right room sand sea sky small snow '
                'space starry stars street style sunset table the tiny to under underwater white winter with wood wooden woods yellow').split()
_ADDED_WORDS = Path(__file__).parent / 'added_words.json'


class Vocabulary:
    def __init__(self):
        self.words = ['<pad>', '<unk>', *(f'<s{k}>' for k in range(16)), *_STUDY_WORDS, *json.loads(_ADDED_WORDS.read_text())]
        self.ids = {word: k for k, word in enumerate(self.words)}

    def slot(self, k):
        return self.ids[f'<s{k}>']

    def encode(self, caption):
        """Fixed length; words that are not known are left out, as the engine leaves them out."""
        ids = [self.ids[word] for word in caption.split() if word in self.ids][:MAX_TOKENS]
        return ids + [PAD] * (MAX_TOKENS - len(ids))


def missing_words(phrases):
    known = Vocabulary().ids
    return sorted({word for phrase in phrases for word in phrase.split()} - set(known))
