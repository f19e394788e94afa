"""Qwen-Image-Edit, which always starts from a picture."""

import json
import os

import pytest
import tiny_pipelines
from conftest import HEIGHT, WIDTH
from diffusers import QwenImageEditPipeline
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit
from tessera_diffusion.refusals import Refusal

pytest.importorskip("torchvision", reason="the processor of Qwen's text encoder needs it")


@pytest.fixture
def family(models, monkeypatch) -> str:
    from transformers import Qwen2VLImageProcessor, Qwen2VLProcessor, Qwen2VLVideoProcessor

    folder = os.path.join(models, "qwen-edit-tiny")
    pipe, _ = tiny_pipelines.qwen("")
    tokens = {"vision_start_token_id": "<|vision_start|>", "image_token_id": "<|image_pad|>", "vision_end_token_id": "<|vision_end|>", "video_token_id": "<|video_pad|>"}
    pipe.tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", *tokens.values()]})
    for name, token in tokens.items():
        setattr(pipe.text_encoder.config, name, pipe.tokenizer.convert_tokens_to_ids(token))
    processor = Qwen2VLProcessor(Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=112 * 112), pipe.tokenizer, Qwen2VLVideoProcessor())
    QwenImageEditPipeline(processor=processor, **pipe.components).save_pretrained(os.path.join(folder, "weights"))
    with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as text:
        json.dump(tiny_pipelines.manifest("qwen-edit-tiny"), text)
    # It sees the picture in a million pixels, which takes minutes here.
    fitted = pipeline_qwenimage_edit.calculate_dimensions
    monkeypatch.setattr(pipeline_qwenimage_edit, "calculate_dimensions", lambda _area, ratio: fitted(64 * 64, ratio))
    return "qwen-edit-tiny"


def test_a_picture_is_changed_in_the_size_asked_for_and_nothing_is_made_without_one(engine, sources, family):
    edit, tensors = {"edit": True, "prompt": "make it blue"}, {"0/edit/0": sources["picture"]}
    painted = engine.paint(family, edit, tensors=tensors, previewEverySteps=1)
    assert painted.images[0].shape == (HEIGHT, WIDTH, 3)
    assert len(painted.previews) == 2
    assert painted.bytes != engine.paint(family, edit, tensors={"0/edit/0": 255 - sources["picture"]}).bytes
    assert painted.bytes != engine.paint(family, {**edit, "negativePrompt": "ugly"}, tensors=tensors).bytes
    with pytest.raises(Refusal, match="InvalidArgument/unsupported_edit"):
        engine.paint(family)
    with pytest.raises(Refusal, match="takes one picture"):
        engine.paint(family, edit, tensors={**tensors, "0/edit/1": sources["picture"]})
