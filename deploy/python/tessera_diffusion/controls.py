"""Pictures that guide: edges, depth and pose through a ControlNet, style and character through an IP-Adapter, as far as a family's manifest names weights for them."""

import os

from . import source_images
from .refusals import refused
from .source_images import Sources

# From text, from an init image, within a mask.
CONTROLLED = {
    "sd15": ("StableDiffusionControlNetPipeline", "StableDiffusionControlNetImg2ImgPipeline", "StableDiffusionControlNetInpaintPipeline"),
    "sdxl": ("StableDiffusionXLControlNetPipeline", "StableDiffusionXLControlNetImg2ImgPipeline", "StableDiffusionXLControlNetInpaintPipeline"),
    "flux": ("FluxControlNetPipeline", "FluxControlNetImg2ImgPipeline", "FluxControlNetInpaintPipeline"),
}
# A union model of SDXL, which knows several kinds at once, has classes of its own.
UNITED = ("StableDiffusionXLControlNetUnionPipeline", "StableDiffusionXLControlNetUnionImg2ImgPipeline", "StableDiffusionXLControlNetUnionInpaintPipeline")
WAYS = ("text", "init", "inpaint")


class Controls:
    """What guides one pipeline. Weights are loaded when first used, and stay as long as the pipeline does."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.nets: dict[str, object] = {}
        self.encoders: dict[str, object] = {}
        self.references: dict[str, dict] = {}
        self.acting: tuple[str, ...] = ()

    def refuse_unknown(self, guides: tuple) -> None:
        for kind, _, _ in guides:
            self.net_of(kind) if kind in self.pipeline.can.control else self.adapter_of(kind)

    def net_of(self, kind: str) -> dict:
        return self._entry("controlNets", kind, self.pipeline.can.control)

    def adapter_of(self, kind: str) -> dict:
        return self._entry("ipAdapters", kind, self.pipeline.can.references)

    def prepare(self, sources: Sources) -> tuple[object, dict]:
        """The pipeline to call, and the arguments that make the guides act."""
        can = self.pipeline.can
        nets = [(self.net_of(kind), kind, strength, picture) for kind, strength, picture in sources.guides if kind in can.control]
        references = [(self.adapter_of(kind), strength, picture) for kind, strength, picture in sources.guides if kind not in can.control]
        if len({entry["imageEncoderFolder"] for entry, *_ in references}) > 1:
            raise refused("InvalidArgument", "unsupported_guidance", f"{self.pipeline.family.name} sees these references through different encoders, one at a time.")
        # First: a pipeline that is derived shares the layers which references change.
        self._use_references(references)
        pipe, arguments = self._controlled(nets, sources.way) if nets else (self._plain(sources.way), {})
        if references:
            pipe.register_modules(image_encoder=self._encoder(references[0][0]), feature_extractor=self._extractor(references[0][0]))
            arguments = {**arguments, "ip_adapter_image": [picture for _, _, picture in references]}
        return pipe, arguments

    def _plain(self, way: str):
        if way == "text":
            return self.pipeline.pipe
        return self.pipeline.call(source_images.FROM_PICTURE[self.pipeline.can.family][way == "inpaint"])

    def _controlled(self, nets: list[tuple], way: str) -> tuple[object, dict]:
        family = self.pipeline.can.family
        entries = [entry for entry, *_ in nets]
        modes = [entry["unionModes"][kind] if entry.get("unionModes") else None for entry, kind, *_ in nets]
        strengths = [float(strength * entry.get("conditioningScale", 1)) for entry, _, strength, _ in nets]
        pictures = [picture for *_, picture in nets]
        is_united = family == "sdxl" and modes[0] is not None
        if len({entry["folder"] for entry in entries}) > 1 and any(mode is not None for mode in modes):
            raise refused("InvalidArgument", "unsupported_guidance", f"{self.pipeline.family.name} does not guide by {' and '.join(kind for _, kind, *_ in nets)} at once.")
        folders = list(dict.fromkeys(entry["folder"] for entry in entries)) if is_united else [entry["folder"] for entry in entries]
        loaded = [self._net(folder, is_united) for folder in folders]
        names = UNITED if is_united else CONTROLLED[family]
        pipe = self.pipeline.call(names[WAYS.index(way)], tuple(folders), controlnet=loaded[0] if len(loaded) == 1 else self._several(loaded))
        is_one = len(nets) == 1
        arguments = {"controlnet_conditioning_scale": strengths[0] if is_one else strengths}
        takes_image = family in ("sd15", "sdxl") and way == "text" and not is_united
        arguments["image" if takes_image else "control_image"] = pictures[0] if is_one and not is_united else pictures
        if modes[0] is not None:
            arguments |= {"control_mode": modes[0] if is_one and not is_united else modes}
        if is_united and is_one:
            arguments |= {"controlnet_conditioning_scale": strengths}
        if family == "flux" and not is_one:
            # diffusers counts the models, and would leave out all pictures of a union model but the first.
            arguments |= {"control_guidance_start": [0.0] * len(nets), "control_guidance_end": [1.0] * len(nets)}
        return pipe, arguments

    def _several(self, nets: list):
        if self.pipeline.can.family != "flux":
            return nets
        from diffusers import FluxMultiControlNetModel

        # A union model once for each kind would be added up as many times: it takes them as one.
        return FluxMultiControlNetModel(list(dict.fromkeys(nets)))

    def _net(self, folder: str, is_united: bool):
        if folder not in self.nets:
            import diffusers

            kind = "ControlNetUnionModel" if is_united else "FluxControlNetModel" if self.pipeline.can.family == "flux" else "ControlNetModel"
            self.nets[folder] = self._placed(getattr(diffusers, kind).from_pretrained(self.pipeline.family.file(folder), torch_dtype=self._dtype(), local_files_only=True))
        return self.nets[folder]

    def _use_references(self, references: list[tuple]) -> None:
        """Each reference has the adapter for itself, so that each has its own strength. What no longer acts is taken out: the layers are then those of the pipeline again."""
        pipe = self.pipeline.pipe
        wanted = tuple(entry["file"] for entry, *_ in references)
        if wanted != self.acting:
            if self.acting:
                pipe.unload_ip_adapter()
            self.acting = ()
            if wanted:
                pipe.register_modules(image_encoder=self._encoder(references[0][0]), feature_extractor=self._extractor(references[0][0]))
                pipe.load_ip_adapter([self._reference_weights(file) for file in wanted], subfolder=[""] * len(wanted), weight_name=[os.path.basename(file) for file in wanted])
            self.acting = wanted
        if references:
            pipe.set_ip_adapter_scale([float(strength) for _, strength, _ in references])

    def _reference_weights(self, file: str) -> dict:
        if file not in self.references:
            from safetensors.torch import load_file

            weights: dict = {"image_proj": {}, "ip_adapter": {}}
            for key, value in load_file(self.pipeline.family.file(file)).items():
                part, _, name = key.partition(".")
                weights[part][name] = value
            self.references[file] = weights
        return self.references[file]

    def _encoder(self, entry: dict):
        folder = entry["imageEncoderFolder"]
        if folder not in self.encoders:
            from transformers import CLIPVisionModelWithProjection

            self.encoders[folder] = self._placed(CLIPVisionModelWithProjection.from_pretrained(self.pipeline.family.file(folder), dtype=self._dtype(), local_files_only=True))
        return self.encoders[folder]

    def _extractor(self, entry: dict):
        from transformers import CLIPImageProcessor

        side = self._encoder(entry).config.image_size
        return CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side})

    def _placed(self, model):
        return model.to(self.pipeline.device)

    def _dtype(self):
        return getattr(self.pipeline.torch, self.pipeline.family.manifest["dtype"])

    def _entry(self, field: str, kind: str, possible: tuple[str, ...]) -> dict:
        entry = next((each for each in self.pipeline.family.manifest.get(field, []) if kind in each["kinds"]), None)
        if entry is None or kind not in possible:
            raise refused("InvalidArgument", "unsupported_guidance", f"{self.pipeline.family.name} takes no {kind} pictures as guidance.")
        return entry
