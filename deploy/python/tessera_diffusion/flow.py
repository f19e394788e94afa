"""The pipeline "reference-conditioned-flow": conditioning, the guided way from noise to a latent, decoder, super-resolution.

What a picture shows has been composed before, in TypeScript (libs/inference/src/flow/sampling-state.ts), and comes as tensors by the pipeline's own names; a graph's new inputs
pass through unread. Arithmetic is done in float64 and stored as float32, as JavaScript does it, so that both engines generate the same picture.
"""

from collections.abc import Callable

import numpy as np

from .families import Family
from .graphs import Graphs
from .pictures import Emit, cut, emit_pixels, enlarged, graded
from .latent_guidance import towards_content, towards_style


class SamplingState:
    """One picture while it is generated."""

    def __init__(self, family: Family, graphs: Graphs, plan: dict, tensors: dict[str, np.ndarray], adapters: dict[str, np.ndarray]):
        self.family, self.graphs, self.plan = family, graphs, plan
        self.times = plan["times"]
        self.latent = tensors["latent"]
        self.estimate = self.latent
        self.before: tuple[np.ndarray, float] | None = None
        self.adapters = adapters
        self.side = family.manifest["latent"]["sidePx"]
        self.tiles = [(left, self._conditions(within(tensors, f"tiles/{k}"))) for k, left in enumerate(plan["tiles"])]
        self.kept = within(tensors, "kept")
        self.latent_guidance = within(tensors, "steers")

    def step(self, number: int) -> None:
        if number < self.plan["firstStep"]:
            return
        time, length = self.times[number], self.times[number] - self.times[number + 1]
        guided = self._velocity(time)
        self.estimate = (self.latent - time * guided).astype(np.float32)
        velocity = guided.astype(np.float32)
        self._advance(velocity, length)
        self._guide_latent(self.times[number + 1])
        if self.kept:
            self._restore(self.times[number + 1])
        self.before = (velocity, length) if self.plan["isSecondOrder"] else None

    def preview(self) -> np.ndarray:
        """The picture as it would be if the flow went straight on from here."""
        return cut(self._decoded(self.estimate), self.plan["window"], self.family.manifest["nativeSidePx"])

    def picture(self, longer_side: int) -> np.ndarray:
        return enlarged(self._decoded(self.latent), self.plan["window"], longer_side, self.family, self.graphs)

    def _conditions(self, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        conditioning = within(tensors, "conditioning")
        return self._run("conditioning", conditioning) if conditioning else within(tensors, "denoiser")

    def _velocity(self, time: float) -> np.ndarray:
        """A wide picture is generated in overlapping squares: tiles.ts explains it."""
        if len(self.tiles) == 1:
            return self._velocity_of(self.latent, self.tiles[0][1], time)
        column = np.arange(self.side)
        weight = np.minimum(column + 1, self.side - column).astype(np.float64) ** 2
        total, weights = np.zeros(self.latent.shape), np.zeros(self.latent.shape[-1])
        for left, conditions in self.tiles:
            here = slice(left, left + self.side)
            total[..., here] += weight * self._velocity_of(np.ascontiguousarray(self.latent[..., here]), conditions, time)
            weights[here] += weight
        return total / weights

    def _velocity_of(self, latent: np.ndarray, conditions: dict[str, np.ndarray], time: float) -> np.ndarray:
        """With classifier-free guidance: row 0 is what was asked for, row 1 what guidance leads away from. A plan without guidance has one row."""
        guidance = self.plan["guidance"]
        rows = 1 if guidance is None else 2
        inputs = {"latent": np.stack([latent] * rows), "time": np.full(rows, time, np.float32), **conditions}
        velocity = self._run("denoiser", inputs, self.adapters)["velocity"].astype(np.float64)
        return velocity[0] if guidance is None else velocity[1] + guidance * (velocity[0] - velocity[1])

    def _advance(self, velocity: np.ndarray, length: float) -> None:
        """Euler, or Adams' and Bashforth's second: sampler.ts explains it."""
        now = velocity.astype(np.float64)
        if self.before is None:
            self.latent = (self.latent - length * now).astype(np.float32)
            return
        past, past_length = self.before
        lean = 0.5 * length / past_length
        self.latent = (self.latent - length * (now + lean * (now - past))).astype(np.float32)

    def _guide_latent(self, time: float) -> None:
        settings, strengths, steps = self.family.manifest.get("steering"), self.plan["steers"], len(self.times) - 1
        if "style" in self.latent_guidance and time >= settings["styleUntil"]:
            self.latent = towards_style(self.latent, self.estimate, self.latent_guidance["style"], strengths["style"], time, steps)
        if "content" in self.latent_guidance and time >= settings["contentUntil"]:
            self.latent = towards_content(self.latent, self.latent_guidance["content"], self.latent_guidance["noise"], strengths["content"], time, steps, settings["contentCells"])

    def _restore(self, time: float) -> None:
        """Where an init picture stays, the latent is that picture's on its own way from the noise."""
        known = time * self.kept["noise"].astype(np.float64) + (1 - time) * self.kept["latent"]
        self.latent = np.where(self.kept["repainted"] != 0, self.latent, known.astype(np.float32))

    def _decoded(self, latent: np.ndarray) -> np.ndarray:
        picture = self._run("decoder", {"latent": latent[None]})["picture"][0]
        return ((picture.astype(np.float64) + 1) / 2).astype(np.float32)

    def _run(self, graph: str, inputs: dict[str, np.ndarray], others: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        names = self.family.manifest["graphs"][graph]
        return self.graphs.run(self.family.file(names["file"]), names, inputs, others)


def within(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Those below a prefix, without it."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}/")}


def generate(family: Family, graphs: Graphs, task: dict, tensors: dict[str, np.ndarray], emit: Emit, refuse_if_cancelled: Callable[[], None]) -> None:
    """Each step for all pictures before the next. They go through the graphs one by one, so batch-mates cannot change a single bit of a picture."""
    plans, adapters = task["pictures"], within(tensors, "adapters")
    states = []
    for index, plan in enumerate(plans):
        refuse_if_cancelled()
        states.append(SamplingState(family, graphs, plan, within(tensors, str(index)), adapters))
    steps, every = task["steps"], task["previewEverySteps"]
    for step in range(1, steps + 1):
        for state in states:
            refuse_if_cancelled()
            state.step(step - 1)
        emit({"type": "step", "step": step, "steps": steps})
        if every > 0 and step % every == 0 and step < steps:
            for index, state in enumerate(states):
                emit_pixels(emit, {"type": "preview", "picture": index, "step": step}, graded(state.preview(), plans[index]["grade"]))
    for index, state in enumerate(states):
        refuse_if_cancelled()
        emit_pixels(emit, {"type": "image", "picture": index}, graded(state.picture(max(task["widthPx"], task["heightPx"])), plans[index]["grade"]))


def warm(family: Family, graphs: Graphs) -> None:
    """Loads what a first picture needs."""
    needed = [family.manifest["graphs"][name]["file"] for name in ("layout", "conditioning", "denoiser", "decoder")] + [graph["file"] for graph in family.manifest["superResolution"][:1]]
    for file in needed:
        graphs.load(family.file(file))
