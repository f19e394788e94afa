"""What each pipeline class of diffusers takes and can do: `pipeline_classes.json`, which the services read as well, so that what they promise is what acts here."""

import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from .families import Family


@dataclass(frozen=True)
class PipelineClass:
    family: str | None
    # Which argument the request's guidance scale goes to. "embedded": distilled guidance, which is no classifier-free guidance.
    guidance: str
    negative_prompt: str
    side_multiple_px: int
    prompt_tokens: int | None
    reads_long_prompts: bool
    weights_words: bool
    latents: str | None
    has_init_image: bool
    has_inpaint: bool
    has_edit: bool
    control: tuple[str, ...]
    references: tuple[str, ...]
    has_lora: bool
    # Nothing is made from a prompt alone.
    needs_picture: bool = False


def _read() -> dict[str, PipelineClass]:
    with open(os.path.join(os.path.dirname(__file__), "pipeline_classes.json"), encoding="utf-8") as text:
        table = json.load(text)
    return {
        name: PipelineClass(
            entry["family"], entry["guidance"], entry["negativePrompt"], entry["sideMultiplePx"], entry["promptTokens"], entry["longPrompts"], entry["weightedWords"],
            entry["latents"], entry["initImage"], entry["inpaint"], entry["edit"], tuple(entry["control"]), tuple(entry["references"]), entry["lora"],
            entry.get("needsPicture", False),
        )
        for name, entry in table.items()
    }  # fmt: skip


TABLE = _read()


def pipeline_class(name: str, takes: Mapping[str, object]) -> PipelineClass:
    """A class that the table does not know generates from a prompt by what its call takes, and nothing besides."""
    known = TABLE.get(name)
    if known:
        return known
    guidance = "true_cfg_scale" if "true_cfg_scale" in takes and "guidance_scale" not in takes else "guidance_scale"
    negative = "always" if "negative_prompt" in takes else "never"
    return PipelineClass(None, guidance, negative, 8, None, False, False, None, False, False, False, (), (), True)


def takes(pipe) -> Mapping[str, object]:
    """The names of the arguments of a pipeline's call."""
    return inspect.signature(pipe.__call__).parameters


def class_name_of(family: Family) -> str | None:
    """What `describe` says of a family: the class that its weights name, without loading them."""
    manifest = family.manifest
    if manifest["pipeline"] != "diffusers":
        return None
    if "singleFile" in manifest:
        return manifest["pipelineClass"]
    try:
        with open(os.path.join(family.file(manifest["pipelineFolder"]), "model_index.json"), encoding="utf-8") as text:
            return json.load(text)["_class_name"]
    except (OSError, ValueError, KeyError):
        # One family without weights must not keep a worker from learning of the others.
        return None
