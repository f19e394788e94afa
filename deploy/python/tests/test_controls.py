"""Pictures that guide."""

import numpy as np
import pytest
from conftest import HEIGHT, WIDTH
from tessera_diffusion.refusals import Refusal

CONTROLLED = pytest.mark.parametrize("family", ["sdxl-tiny-guided", "sd15-tiny-guided", "flux-tiny-guided"])
REFERENCED = pytest.mark.parametrize("family", ["sdxl-tiny-guided", "sd15-tiny-guided"])


def guided(*guides: tuple[str, float], **more: object) -> dict:
    return {"guides": [{"kind": kind, "strength": strength} for kind, strength in guides], **more}


@CONTROLLED
def test_edges_act_by_their_strength_and_leave_nothing_behind(engine, sources, family):
    before = engine.paint(family).bytes
    tensors = {"0/guides/0": sources["picture"]}
    strong = engine.paint(family, guided(("edges", 1)), tensors=tensors, previewEverySteps=1)
    assert strong.images[0].shape == (HEIGHT, WIDTH, 3)
    assert len(strong.previews) == 2
    assert strong.bytes == engine.paint(family, guided(("edges", 1)), tensors=tensors).bytes
    assert strong.bytes != engine.paint(family, guided(("edges", 0.3)), tensors=tensors).bytes
    assert strong.bytes != engine.paint(family, guided(("edges", 1)), tensors={"0/guides/0": 255 - sources["picture"]}).bytes
    if not family.startswith("flux"):  # whose encoder draws from the same seed, for the edges
        assert engine.paint(family, guided(("edges", 0)), tensors=tensors).bytes == before
    assert engine.paint(family).bytes == before


@CONTROLLED
def test_edges_act_beside_an_init_image_and_within_a_mask(engine, sources, family):
    for has_mask in (False, True):
        tensors = {"0/init": sources["picture"], "0/mask": sources["mask"], "0/guides/0": sources["picture"]}
        init = {"init": {"strength": 0.5, "hasMask": has_mask}}
        painted = engine.paint(family, guided(("edges", 1), **init), tensors=tensors, steps=4)
        assert painted.steps == [(1, 2), (2, 2)]
        assert painted.images[0].shape == (HEIGHT, WIDTH, 3)
        assert painted.bytes != engine.paint(family, init, tensors=tensors, steps=4).bytes
        assert painted.bytes != engine.paint(family, guided(("edges", 1), **init), tensors={**tensors, "0/init": 255 - sources["picture"]}, steps=4).bytes


@CONTROLLED
def test_two_kinds_of_control_act_at_once(engine, sources, family):
    tensors = {"0/guides/0": sources["picture"], "0/guides/1": sources["picture"]}
    both = engine.paint(family, guided(("edges", 1), ("depth", 1)), tensors=tensors)
    assert both.bytes != engine.paint(family, guided(("edges", 1)), tensors=tensors).bytes
    assert both.bytes != engine.paint(family, guided(("depth", 1)), tensors=tensors).bytes


@REFERENCED
def test_references_act_by_their_strength_and_leave_nothing_behind(engine, sources, family):
    before = engine.paint(family).bytes
    reference = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    one = engine.paint(family, guided(("style", 1)), tensors={"0/guides/0": reference})
    assert one.bytes != before
    assert one.bytes == engine.paint(family, guided(("style", 1)), tensors={"0/guides/0": reference}).bytes
    assert one.bytes != engine.paint(family, guided(("style", 0.4)), tensors={"0/guides/0": reference}).bytes
    two = {"0/guides/0": reference, "0/guides/1": sources["picture"]}
    both = engine.paint(family, guided(("style", 1), ("character", 0.6)), tensors=two)
    assert both.bytes != one.bytes
    assert engine.paint(family).bytes == before
    assert engine.paint(family, guided(("style", 1), ("character", 0.6)), tensors=two).bytes == both.bytes


@REFERENCED
def test_a_reference_acts_beside_edges_an_init_image_and_a_lora(engine, sources, family):
    tensors = {"0/init": sources["picture"], "0/guides/0": sources["picture"], "0/guides/1": 255 - sources["picture"]}
    init = {"init": {"strength": 0.5, "hasMask": False}}
    seen = {
        engine.paint(family, plan, tensors=tensors, steps=4).bytes[0]
        for plan in (init, guided(("edges", 1), **init), guided(("edges", 1), ("style", 1), **init), guided(("style", 1), **init), guided(("edges", 1), ("style", 1)))
    }
    assert len(seen) == 5


@pytest.mark.parametrize("name", ["sdxl-tiny-guided", "flux-tiny-guided"])
def test_one_union_model_takes_several_kinds(engine, sources, name):
    family = engine.pipeline(name).family
    before, entries = engine.paint(family.name).bytes, family.manifest["controlNets"]
    family.manifest["controlNets"] = [{"kinds": ["edges", "depth", "pose"], "folder": "union", "unionModes": {"pose": 0, "depth": 1, "edges": 3}}]
    try:
        tensors = {"0/guides/0": sources["picture"], "0/guides/1": 255 - sources["picture"], "0/init": sources["picture"], "0/mask": sources["mask"]}
        plans = [
            {}, guided(("edges", 1)), guided(("pose", 1)), guided(("edges", 1), ("depth", 1)), guided(("edges", 1), ("depth", 0.5)),
            guided(("edges", 1), init={"strength": 0.5, "hasMask": False}), guided(("edges", 1), init={"strength": 0.5, "hasMask": True}),
        ]  # fmt: skip
        seen = [engine.paint(family.name, plan, tensors=tensors).bytes[0] for plan in plans]
    finally:
        family.manifest["controlNets"] = entries
    assert [seen.index(each) for each in seen] == list(range(len(plans)))
    assert engine.paint(family.name).bytes == before


def test_a_kind_that_the_manifest_names_no_weights_for_is_refused_before_anything_is_generated(engine, sources):
    with pytest.raises(Refusal, match="InvalidArgument/unsupported_guidance: sdxl-tiny-guided takes no pose pictures"):
        engine.paint("sdxl-tiny-guided", {}, guided(("pose", 1)), tensors={"1/guides/0": sources["picture"]})
