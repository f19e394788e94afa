"""Init images, masks and instructions, on the same weights."""

import numpy as np
import pytest
from conftest import HEIGHT, WIDTH
from tessera_diffusion import source_images
from tessera_diffusion.refusals import Refusal

FROM_PICTURE = pytest.mark.parametrize("family", ["sdxl-tiny", "sd15-tiny", "sd3-tiny", "flux-tiny", "qwen-tiny", "zimage-tiny"])


def init(strength: float, has_mask: bool = False) -> dict:
    return {"init": {"strength": strength, "hasMask": has_mask}}


@FROM_PICTURE
def test_an_init_image_acts_by_its_strength_in_as_many_steps_as_are_left(engine, sources, family):
    before = engine.paint(family).bytes
    tensors = {"0/init": sources["picture"]}
    half = engine.paint(family, init(0.5), tensors=tensors, steps=4, previewEverySteps=1)
    assert half.steps == [(1, 2), (2, 2)]
    assert [preview["step"] for preview in half.previews] == [1]
    assert half.images[0].shape == (HEIGHT, WIDTH, 3)
    assert half.bytes == engine.paint(family, init(0.5), tensors=tensors, steps=4).bytes
    assert half.bytes != engine.paint(family, init(0.25), tensors=tensors, steps=4).bytes
    assert half.bytes != engine.paint(family, init(0.5), tensors={"0/init": 255 - sources["picture"]}, steps=4).bytes
    assert engine.paint(family).bytes == before


@FROM_PICTURE
def test_one_step_is_made_however_much_of_the_picture_stays(engine, sources, family):
    assert engine.paint(family, init(1), tensors={"0/init": sources["picture"]}).steps == [(1, 1)]


@FROM_PICTURE
def test_within_a_mask_both_picture_and_mask_act(engine, sources, family):
    before = engine.paint(family).bytes
    tensors = {"0/init": sources["picture"], "0/mask": sources["mask"]}
    painted = engine.paint(family, init(0.25, True), tensors=tensors, steps=4)
    assert painted.steps == [(1, 3), (2, 3), (3, 3)]
    assert painted.images[0].shape == (HEIGHT, WIDTH, 3)
    assert painted.bytes != engine.paint(family, init(0.25, True), tensors={**tensors, "0/mask": 255 - sources["mask"]}, steps=4).bytes
    assert painted.bytes != engine.paint(family, init(0.25, True), tensors={**tensors, "0/init": 255 - sources["picture"]}, steps=4).bytes
    assert engine.paint(family).bytes == before


def test_a_lora_acts_from_an_init_image_too(engine, sources):
    tensors, loud = {"0/init": sources["picture"]}, [{"file": "adapters/loud.safetensors", "weight": 1}]
    plain = engine.paint("sdxl-tiny", init(0.5), tensors=tensors).bytes
    assert engine.paint("sdxl-tiny", init(0.5), tensors=tensors, adapters=loud).bytes != plain
    assert engine.paint("sdxl-tiny", init(0.5), tensors=tensors).bytes == plain


def test_pictures_with_and_without_an_init_image_share_a_batch(engine, sources):
    mixed = engine.paint("sdxl-tiny", {}, init(0.5), {"seed": 8}, tensors={"1/init": sources["picture"]}, steps=4)
    assert mixed.bytes == [
        engine.paint("sdxl-tiny", steps=4).bytes[0],
        engine.paint("sdxl-tiny", init(0.5), tensors={"0/init": sources["picture"]}, steps=4).bytes[0],
        engine.paint("sdxl-tiny", {"seed": 8}, steps=4).bytes[0],
    ]
    assert mixed.steps == [(step, 4) for step in range(1, 5)]


def test_kontext_changes_a_picture_by_an_instruction_in_the_size_asked_for(engine, sources):
    before = engine.paint("kontext-tiny").bytes
    edit = {"edit": True, "prompt": "make it blue"}
    painted = engine.paint("kontext-tiny", edit, tensors={"0/edit/0": sources["picture"]}, previewEverySteps=1)
    assert painted.images[0].shape == (HEIGHT, WIDTH, 3)
    assert len(painted.previews) == 2
    assert painted.bytes != engine.paint("kontext-tiny", edit, tensors={"0/edit/0": 255 - sources["picture"]}).bytes
    other_size = np.full((50, 70, 3), 128, np.uint8)
    assert engine.paint("kontext-tiny", edit, tensors={"0/edit/0": other_size}).images[0].shape == (HEIGHT, WIDTH, 3)
    assert engine.paint("kontext-tiny").bytes == before


@pytest.mark.parametrize(
    ("family", "plan", "reason"),
    [
        ("kontext-tiny", init(0.5), "unsupported_init_image"),
        ("kontext-tiny", init(0.5, True), "unsupported_init_image"),
        ("sdxl-tiny", {"edit": True}, "unsupported_edit"),
        ("sdxl-tiny", {"guides": [{"kind": "edges", "strength": 1}]}, "unsupported_guidance"),
        ("sdxl-tiny", {"guides": [{"kind": "style", "strength": 1}]}, "unsupported_guidance"),
        ("qwen-tiny", {"guides": [{"kind": "pose", "strength": 1}]}, "unsupported_guidance"),
    ],
)
def test_what_a_family_cannot_do_is_refused(engine, sources, family, plan, reason):
    tensors = {"0/init": sources["picture"], "0/mask": sources["mask"], "0/edit/0": sources["picture"], "0/guides/0": sources["picture"]}
    with pytest.raises(Refusal, match=f"InvalidArgument/{reason}"):
        engine.paint(family, plan, tensors=tensors)


def test_diffusers_runs_exactly_the_steps_that_are_announced():
    for steps in range(1, 61):
        for run in range(1, steps + 1):
            assert int(source_images.change(run, steps) * steps) == run


def test_a_large_picture_to_change_is_made_as_large_as_the_model_was_trained_on():
    large = source_images.picture(np.zeros((3000, 2000, 3), np.uint8))
    small = source_images.picture(np.zeros((50, 70, 3), np.uint8))
    assert source_images.fitted(large, 16).size == (832, 1248)
    assert source_images.fitted(small, 16).size == (64, 48)
