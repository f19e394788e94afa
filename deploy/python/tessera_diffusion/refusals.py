"""What goes wrong and may be told. The caller's taxonomy: a kind, a stable reason, a sentence for a person."""


class Refusal(Exception):
    def __init__(self, kind: str, reason: str, sentence: str):
        super().__init__(f"{kind}/{reason}: {sentence}")
        self.kind, self.reason, self.sentence = kind, reason, sentence


def refused(kind: str, reason: str, sentence: str) -> Refusal:
    return Refusal(kind, reason, sentence)


def cancelled() -> Refusal:
    return Refusal("Cancelled", "painting_cancelled", "The painting was cancelled.")
