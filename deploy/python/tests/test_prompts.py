"""Long prompts and weighted words."""

import pytest
import torch
from tessera_diffusion import prompts
from tiny_pipelines import FAMILIES

CLIP = pytest.mark.parametrize("family", ["sdxl-tiny", "sd15-tiny"])
# A letter is a token of the tiny CLIP, and of the tiny T5 and Qwen a little less or more.
LONG = " ".join("abcdefghij"[number % 10] * 3 for number in range(60))
NEGATIVE = {"negativePrompt": "blue"}


@CLIP
def test_own_embeddings_of_a_short_prompt_are_those_of_the_pipeline_to_the_bit(engine, family):
    pipe = engine.pipeline(family).pipe
    ours, pooled = prompts.embeddings(pipe, ["a red fox", "blue"])
    with torch.inference_mode():
        theirs = pipe.encode_prompt(prompt=["a red fox"], negative_prompt=["blue"], device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True)
    assert torch.equal(ours[:1], theirs[0])
    assert torch.equal(ours[1:], theirs[1])
    if family == "sdxl-tiny":
        assert torch.equal(pooled[:1], theirs[2])
        assert torch.equal(pooled[1:], theirs[3])


@CLIP
def test_what_stands_beyond_the_first_tokens_acts(engine, family):
    first = engine.paint(family, {"prompt": LONG})
    assert first.bytes != engine.paint(family, {"prompt": f"{LONG} zebra"}).bytes
    assert first.bytes == engine.paint(family, {"prompt": LONG}).bytes
    assert first.notices == []


@CLIP
def test_a_long_negative_prompt_acts_beside_a_short_prompt(engine, family):
    assert engine.paint(family, {"negativePrompt": LONG}).bytes != engine.paint(family, {"negativePrompt": f"{LONG} zebra"}).bytes


@CLIP
def test_a_weight_of_one_changes_nothing_and_another_does(engine, family):
    plain = engine.paint(family, {"prompt": "a red fox"})
    assert engine.paint(family, {"prompt": "a red (fox:1)"}).bytes == plain.bytes
    strong, stronger = (engine.paint(family, {"prompt": f"a red (fox:{weight})"}) for weight in (1.3, 1.6))
    assert len({plain.bytes[0], strong.bytes[0], stronger.bytes[0]}) == 3


def test_words_without_a_number_are_read_as_they_stand():
    assert prompts.pieces("a (red) fox: no weight") == [("a (red) fox: no weight", 1.0)]
    assert prompts.pieces("(red:.5) and (fox:1.25)") == [("red", 0.5), (" and ", 1.0), ("fox", 1.25)]


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("sdxl-tiny", "sd15-tiny")])
def test_a_class_that_cuts_a_prompt_says_so(engine, family):
    pipeline = engine.pipeline(family)
    assert not prompts.is_cut(pipeline.pipe, pipeline.can, LONG[:200])
    painted = engine.paint(family, {}, {"prompt": "ab " * 600}, steps=1)
    assert painted.notices == [(1, "prompt_cut")]
