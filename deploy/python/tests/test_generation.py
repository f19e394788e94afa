"""Text to image with a pipeline of every class."""

import json
import os
import shutil

import numpy as np
import pytest
from conftest import HEIGHT, WIDTH
from tessera_diffusion.refusals import Refusal
from tiny_pipelines import FAMILIES, manifest

EVERY = pytest.mark.parametrize("family", list(FAMILIES))


@EVERY
def test_a_picture_has_the_size_that_was_asked_for_and_does_not_depend_on_its_batch_mates(engine, family):
    both = engine.paint(family, {"seed": 7}, {"seed": 8})
    assert [image.shape for image in both.images] == [(HEIGHT, WIDTH, 3)] * 2
    assert both.bytes[0] != both.bytes[1]
    assert engine.paint(family, {"seed": 8}).bytes == both.bytes[1:]


@EVERY
def test_every_second_step_has_a_preview(engine, family):
    painted = engine.paint(family, steps=5, previewEverySteps=2)
    assert painted.steps == [(step, 5) for step in range(1, 6)]
    assert [(preview["step"], preview["widthPx"], preview["heightPx"]) for preview in painted.previews] == [(2, WIDTH, HEIGHT), (4, WIDTH, HEIGHT)]
    assert all(preview["spread"] > 0 for preview in painted.previews)


@EVERY
def test_the_guidance_scale_acts(engine, family):
    assert engine.paint(family, guidanceScale=7).bytes != engine.paint(family, guidanceScale=3).bytes


@pytest.mark.parametrize("family", ["sdxl-tiny", "sd15-tiny", "sd3-tiny", "qwen-tiny", "zimage-tiny"])
def test_a_negative_prompt_acts_and_is_said_to_be_ignored_without_guidance(engine, family):
    negative = {"negativePrompt": "green horse on a table"}
    acting = engine.paint(family, negative)
    assert acting.bytes != engine.paint(family).bytes
    assert acting.notices == []
    ignored = engine.paint(family, negative, guidanceScale=1)
    assert ignored.notices == [(0, "negative_prompt_ignored")]
    assert ignored.bytes == engine.paint(family, guidanceScale=1).bytes


@pytest.mark.parametrize("family", ["flux-tiny", "kontext-tiny"])
def test_beside_distilled_guidance_a_negative_prompt_acts_when_a_second_pass_is_asked_for(engine, family):
    negative = {"negativePrompt": "green horse on a table"}
    ignored = engine.paint(family, negative)
    assert ignored.notices == [(0, "negative_prompt_ignored")]
    assert ignored.bytes == engine.paint(family).bytes
    acting = engine.paint(family, negative, trueCfgScale=4)
    assert acting.notices == []
    assert acting.bytes != engine.paint(family, trueCfgScale=4).bytes


@pytest.mark.parametrize(("family", "width"), [("sdxl-tiny", 60), ("flux-tiny", 56), ("zimage-tiny", 56)])
def test_sides_that_a_class_cannot_take_are_refused(engine, family, width):
    with pytest.raises(Refusal, match="InvalidArgument/unsupported_size"):
        engine.paint(family, widthPx=width)


def test_a_picture_of_another_size_is_never_delivered(engine, monkeypatch):
    pipe = engine.pipeline("sdxl-tiny").pipe
    whole = pipe.image_processor.postprocess
    monkeypatch.setattr(pipe.image_processor, "postprocess", lambda image, **more: whole(image, **more)[:, 8:])
    with pytest.raises(Refusal, match="Internal/painting_failed: The pipeline made a picture of 64 by 40 pixels instead of 64 by 48."):
        engine.paint("sdxl-tiny")


@EVERY
def test_cancelling_stops_at_the_next_step_and_leaves_nothing_behind(engine, family):
    before = engine.paint(family).bytes
    seen = []
    with pytest.raises(Refusal, match="Cancelled/"):
        engine.paint(family, {}, steps=6, is_cancelled=lambda painted: seen.append(len(painted.steps)) or len(painted.steps) >= 3)
    assert max(seen) == 3
    assert engine.paint(family).bytes == before


def test_a_preview_that_fails_costs_only_itself_and_is_logged_once(engine, monkeypatch, caplog):
    pipeline = engine.pipeline("qwen-tiny")
    monkeypatch.setattr(pipeline.previews, "latents_are", "scaled")
    monkeypatch.setattr(pipeline.previews, "has_failed", False)
    painted = engine.paint("qwen-tiny", {}, {}, steps=5, previewEverySteps=1)
    assert painted.previews == []
    assert painted.bytes[0] == engine.paint("qwen-tiny", steps=5).bytes[0]
    assert sum("gives no previews from now on" in record.message for record in caplog.records) == 1


def test_a_float16_decoder_that_must_not_be_used_as_such_is_converted_for_a_preview(engine, monkeypatch):
    import torch

    vae = engine.pipeline("sdxl-tiny").pipe.vae
    decode, seen = vae.decode, []
    vae.to(torch.float16)
    monkeypatch.setattr(vae, "decode", lambda latents, **more: seen.append((vae.dtype, latents.dtype)) or decode(latents, **more))
    monkeypatch.setitem(vae.config, "force_upcast", True)
    try:
        previews = engine.pipeline("sdxl-tiny").previews.of(engine.pipeline("sdxl-tiny").pipe, torch.randn(1, 4, HEIGHT // 2, WIDTH // 2).half(), WIDTH, HEIGHT)
        assert seen == [(torch.float32, torch.float32)]
        assert vae.dtype == torch.float16
        assert previews[0].shape == (HEIGHT, WIDTH, 3)
    finally:
        vae.to(torch.float32)


def test_a_safety_checker_that_replaces_a_picture_is_reported(engine, monkeypatch):
    pipe = engine.pipeline("sd15-tiny").pipe
    monkeypatch.setattr(pipe, "run_safety_checker", lambda image, *_: (image * 0 - 1, [True]))
    painted = engine.paint("sd15-tiny", {}, {"seed": 8})
    assert painted.notices == [(0, "safety_filtered"), (1, "safety_filtered")]
    assert not painted.images[0].any()


def test_a_scheduler_of_the_request_acts_for_one_call(engine):
    family = engine.pipeline("sdxl-tiny").family
    before = engine.paint("sdxl-tiny").bytes
    family.manifest["schedulers"] = {"HEUN": "HeunDiscreteScheduler"}
    try:
        heun = engine.paint("sdxl-tiny", scheduler="HEUN", steps=4)
    finally:
        del family.manifest["schedulers"]
    assert heun.bytes != engine.paint("sdxl-tiny", steps=4).bytes
    assert heun.steps == [(step, 4) for step in range(1, 5)]
    assert engine.paint("sdxl-tiny").bytes == before
    with pytest.raises(Refusal, match="InvalidArgument/unsupported_scheduler"):
        engine.paint("sdxl-tiny", scheduler="HEUN")


def test_describe_names_the_class_of_each_family(engine):
    said = []
    engine.tasks.serve({"task": "describe"}, {}, lambda event, payload=None: said.append(event), lambda: False)
    classes = {each["family"]: each["pipelineClass"] for each in said[0]["families"]}
    assert said[0]["contract"] == 2
    assert classes["kontext-tiny"] == "FluxKontextPipeline"
    assert classes["zimage-tiny"] == "ZImagePipeline"


def test_several_pictures_at_once_are_like_those_made_alone(engine):
    family = engine.pipeline("sdxl-tiny").family
    alone = engine.paint("sdxl-tiny", *({"seed": seed} for seed in range(4)))
    family.manifest["picturesAtOnce"] = 4
    try:
        together = engine.paint("sdxl-tiny", *({"seed": seed} for seed in range(4)))
    finally:
        family.manifest["picturesAtOnce"] = 1
    assert together.steps == alone.steps
    for one, other in zip(together.images, alone.images):
        assert np.abs(one.astype(int) - other).max() <= 2


def test_a_class_that_the_table_does_not_know_generates_by_what_its_call_takes(engine, models):
    folder = os.path.join(models, "unknown-tiny")
    shutil.copytree(os.path.join(models, "sd15-tiny", "weights"), os.path.join(folder, "weights"))
    index = os.path.join(folder, "weights", "model_index.json")
    with open(index, encoding="utf-8") as text:
        parts = json.load(text)
    with open(index, "w", encoding="utf-8") as text:
        json.dump({**parts, "_class_name": "StableDiffusionPAGPipeline"}, text)
    with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as text:
        json.dump(manifest("unknown-tiny"), text)
    painted = engine.paint("unknown-tiny", previewEverySteps=1)
    assert painted.images[0].shape == (HEIGHT, WIDTH, 3)
    assert painted.steps == [(1, 3), (2, 3), (3, 3)]
    assert len(painted.previews) == 2
    assert painted.bytes != engine.paint("unknown-tiny", {"negativePrompt": "green"}).bytes
    with pytest.raises(Refusal, match="InvalidArgument/unsupported_init_image"):
        engine.paint("unknown-tiny", {"init": {"strength": 0.5, "hasMask": False}})
