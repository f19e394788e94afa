"""The arguments of one call of a pipeline, the groups in which pictures go through it, and word of how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from . import loading, prompts, source_images
from .pictures import Emit, emit_pixels
from .pipeline_classes import takes
from .refusals import refused
from .source_images import Sources


@dataclass(frozen=True)
class Group:
    """Pictures that go through the pipeline together: those that start from text alone, or one that has pictures of its own."""

    first: int
    plans: list[dict]
    sources: Sources
    steps: int


def generate(pipeline, task: dict, tensors: dict[str, np.ndarray], emit: Emit, refuse_if_cancelled: Callable[[], None]) -> None:
    refuse_size(pipeline, task)
    groups = grouped(pipeline, task, tensors)
    notify(pipeline, task, emit)
    progress = Progress(pipeline, task, groups, emit, refuse_if_cancelled)
    done = [image for group in groups for image in generate_group(pipeline, task, group, progress, emit)]
    for index, pixels in enumerate(done):
        emit_pixels(emit, {"type": "image", "picture": index}, pixels)


def refuse_size(pipeline, task: dict) -> None:
    """A pipeline rounds such sides, or fails half-way."""
    multiple = pipeline.can.side_multiple_px
    if task["widthPx"] % multiple or task["heightPx"] % multiple:
        raise refused("InvalidArgument", "unsupported_size", f"{pipeline.family.name} makes pictures whose sides are multiples of {multiple} pixels.")


def grouped(pipeline, task: dict, tensors: dict[str, np.ndarray]) -> list[Group]:
    """`picturesAtOnce` of 1: a picture is the same whatever else is in its batch; more are faster on a large GPU, and differ in the last bits."""
    most, steps, size = pipeline.family.manifest["picturesAtOnce"], task["steps"], (task["widthPx"], task["heightPx"])
    groups: list[Group] = []
    for number, plan in enumerate(task["pictures"]):
        sources = source_images.read(number, plan, tensors, pipeline.can, pipeline.family.name, size)
        pipeline.controls.refuse_unknown(sources.guides)
        last = groups[-1] if groups else None
        if last and not sources and not last.sources and len(last.plans) < most:
            last.plans.append(plan)
        else:
            groups.append(Group(number, [plan], sources, source_images.steps_run(plan, steps)))
    return groups


def notify(pipeline, task: dict, emit: Emit) -> None:
    """What was asked for and will not act."""
    name = pipeline.family.name
    for number, plan in enumerate(task["pictures"]):
        if plan["negativePrompt"] and not has_negative(pipeline, task):
            emit({"type": "notice", "picture": number, "kind": "negative_prompt_ignored", "message": f"{name} does not read the negative prompt at this guidance scale."})
        if any(prompts.is_cut(pipeline.pipe, pipeline.can, plan[field]) for field in ("prompt", "negativePrompt")):
            emit({"type": "notice", "picture": number, "kind": "prompt_cut", "message": f"The prompt is longer than {name} reads: its end does not act."})


def has_negative(pipeline, task: dict) -> bool:
    """A negative prompt acts through classifier-free guidance alone."""
    if pipeline.can.negative_prompt == "never":
        return False
    scale = task.get("trueCfgScale", 1) if pipeline.can.guidance == "embedded" else task["guidanceScale"]
    return scale > 1


def guidance(pipeline, task: dict) -> dict:
    if pipeline.can.guidance == "true_cfg_scale":
        return {"true_cfg_scale": task["guidanceScale"]}
    # Beside distilled guidance, CFG is a second pass that has to be asked for.
    second = {"true_cfg_scale": task["trueCfgScale"]} if pipeline.can.guidance == "embedded" and has_negative(pipeline, task) else {}
    # For Z-Image alone, 0 is no guidance; 1 is what it is for the others, and what a request can ask for.
    scale = 0 if pipeline.can.family == "z-image" and task["guidanceScale"] <= 1 else task["guidanceScale"]
    return {"guidance_scale": scale, **second}


def generate_group(pipeline, task: dict, group: Group, progress: "Progress", emit: Emit) -> list[np.ndarray]:
    sources, steps, torch = group.sources, task["steps"], pipeline.torch
    pipe, controlled = pipeline.controls.prepare(sources)
    # At a scale where it would not act, a text for it only costs time.
    negatives = [each["negativePrompt"] for each in group.plans] if has_negative(pipeline, task) or pipeline.can.guidance == "guidance_scale" else None
    wanted = {
        **prompts.arguments(pipe, pipeline.can, [each["prompt"] for each in group.plans], negatives),
        **source_images.arguments(sources, group.steps, steps),
        **controlled,
        **guidance(pipeline, task),
        "width": task["widthPx"],
        "height": task["heightPx"],
        # Kontext makes pictures of a million pixels of whatever it is asked for.
        "max_area": task["widthPx"] * task["heightPx"],
        "_auto_resize": False,
        "max_sequence_length": pipeline.can.prompt_tokens,
        "num_inference_steps": steps,
        # On the CPU, so that a seed means the same noise on every device.
        "generator": [torch.Generator("cpu").manual_seed(each["seed"]) for each in group.plans],
        "callback_on_step_end": progress.of(group),
        "callback_on_step_end_tensor_inputs": ["latents"],
        "output_type": "np",
    }
    taken = takes(pipe)
    with torch.inference_mode(), chosen_scheduler(pipeline, pipe, task):
        out = pipe(**{name: value for name, value in wanted.items() if name in taken and value is not None})
    for index, is_filtered in enumerate(getattr(out, "nsfw_content_detected", None) or []):
        if is_filtered:
            emit({"type": "notice", "picture": group.first + index, "kind": "safety_filtered", "message": "The safety checker of the model replaced the picture by a black one."})
    return [whole(image, task) for image in out.images]


@contextmanager
def chosen_scheduler(pipeline, pipe, task: dict) -> Iterator[None]:
    """That of the request, for one call, if its manifest has one by that name."""
    name, before = task.get("scheduler"), pipe.scheduler
    known = pipeline.family.manifest.get("schedulers", {})
    if name and name not in known:
        raise refused("InvalidArgument", "unsupported_scheduler", f'{pipeline.family.name} has no scheduler "{name}".')
    if name:
        pipe.scheduler = loading.scheduler(pipe, known[name])
    try:
        yield
    finally:
        pipe.scheduler = before


def whole(image: np.ndarray, task: dict) -> np.ndarray:
    height, width, _ = image.shape
    if (width, height) != (task["widthPx"], task["heightPx"]):
        raise refused("Internal", "painting_failed", f"The pipeline made a picture of {width} by {height} pixels instead of {task['widthPx']} by {task['heightPx']}.")
    return np.floor(255 * np.clip(image, 0, 1) + 0.5).astype(np.uint8)


class Progress:
    """diffusers calls it after each step. Several groups of a batch make one row of steps: as many as the longest of them runs."""

    def __init__(self, pipeline, task: dict, groups: list[Group], emit: Emit, refuse_if_cancelled: Callable[[], None]):
        self.pipeline, self.task, self.emit, self.refuse_if_cancelled = pipeline, task, emit, refuse_if_cancelled
        self.steps = max(group.steps for group in groups)
        self.total = sum(group.steps for group in groups)
        self.before = {group.first: sum(each.steps for each in groups[:at]) for at, group in enumerate(groups)}
        self.said = 0

    def of(self, group: Group) -> Callable:
        def step(pipe, number: int, _timestep, tensors: dict) -> dict:
            self.refuse_if_cancelled()
            # A scheduler of second order has nearly twice as many calls.
            calls = getattr(pipe, "num_timesteps", group.steps)
            self.say((self.before[group.first] + group.steps * (number + 1) / calls) / self.total)
            every = self.task["previewEverySteps"]
            if every > 0 and (number + 1) % every == 0 and number + 1 < min(group.steps, calls):
                self.preview(pipe, group, number + 1, tensors["latents"])
            return {}

        return step

    def say(self, share: float) -> None:
        step = int(share * self.steps + 1e-9)
        if step > self.said:
            self.said = step
            self.emit({"type": "step", "step": step, "steps": self.steps})

    def preview(self, pipe, group: Group, step: int, latents) -> None:
        for index, pixels in enumerate(self.pipeline.previews.of(pipe, latents, self.task["widthPx"], self.task["heightPx"])):
            emit_pixels(self.emit, {"type": "preview", "picture": group.first + index, "step": step}, pixels)
