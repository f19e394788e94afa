"""From files to a pipeline that is ready: a folder as `save_pretrained` writes it, or one file as people share it; what its manifest says of memory and speed; never from a hub."""

import json
import os

from .families import Family
from .refusals import refused


def load(family: Family, device: str):
    import torch

    manifest = family.manifest
    dtype = getattr(torch, manifest["dtype"])
    if "singleFile" in manifest:
        pipe = from_single_file(family, dtype)
    else:
        from diffusers import DiffusionPipeline

        folder = family.file(manifest["pipelineFolder"])
        pipe = DiffusionPipeline.from_pretrained(folder, torch_dtype=dtype, local_files_only=True, **quantised(manifest, folder, dtype))
    pipe.set_progress_bar_config(disable=True)
    if "scheduler" in manifest:
        pipe.scheduler = scheduler(pipe, manifest["scheduler"])
    cast_layerwise(pipe, manifest, dtype)
    place(pipe, manifest, device)
    if manifest.get("vaeTiling"):
        pipe.vae.enable_tiling()
    if manifest.get("compile"):
        compiled(denoiser(pipe))
    return pipe


def from_single_file(family: Family, dtype):
    """Parts whose weights lie in the folder of configurations come from there: many a file holds the denoiser alone."""
    import diffusers

    manifest = family.manifest
    kind = getattr(diffusers, manifest["pipelineClass"], None)
    if not hasattr(kind, "from_single_file"):
        raise refused("Internal", "painting_failed", f"{family.name} cannot be loaded from one file: diffusers has no {manifest['pipelineClass']} that does so.")
    if manifest.get("quantization", "none") not in ("none", "layerwise-fp8"):
        sentence = f"{family.name} is one file, which is not quantised while it is loaded: convert it to a folder first, or choose layerwise-fp8."
        raise refused("Internal", "painting_failed", sentence)
    folder = family.file(manifest["configFolder"])
    parts = {
        name: part_class(library, name_of_class).from_pretrained(os.path.join(folder, name), **dtype_for(library, dtype))
        for name, (library, name_of_class) in parts_with_weights(folder).items()
    }
    return kind.from_single_file(family.file(manifest["singleFile"]), config=folder, torch_dtype=dtype, local_files_only=True, **parts)


def part_class(library: str, name: str):
    import diffusers
    import transformers

    return getattr(diffusers if library == "diffusers" else transformers, name)


def dtype_for(library: str, dtype) -> dict:
    return {"torch_dtype" if library == "diffusers" else "dtype": dtype, "local_files_only": True}


def model_index(folder: str) -> dict[str, tuple[str, str]]:
    with open(os.path.join(folder, "model_index.json"), encoding="utf-8") as text:
        entries = json.load(text)
    return {name: tuple(entry) for name, entry in entries.items() if isinstance(entry, list) and entry[0]}


def parts_with_weights(folder: str) -> dict[str, tuple[str, str]]:
    def has_weights(name: str) -> bool:
        path = os.path.join(folder, name)
        return os.path.isdir(path) and any(file.endswith((".safetensors", ".bin")) for file in os.listdir(path))

    return {name: entry for name, entry in model_index(folder).items() if has_weights(name)}


def quantised(manifest: dict, folder: str, dtype) -> dict:
    """What `from_pretrained` is told: the denoiser and the large text encoders in fewer bits. Needs bitsandbytes or torchao, and CUDA."""
    how = manifest.get("quantization", "none")
    if how in ("none", "layerwise-fp8"):
        return {}
    large = [name for name, (_, kind) in model_index(folder).items() if name in ("transformer", "unet") or (name.startswith("text_encoder") and not kind.startswith("CLIP"))]
    from diffusers import PipelineQuantizationConfig

    if how == "bnb-nf4":
        settings = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
        return {"quantization_config": PipelineQuantizationConfig(quant_backend="bitsandbytes_4bit", quant_kwargs=settings, components_to_quantize=large)}
    if how == "bnb-int8":
        return {"quantization_config": PipelineQuantizationConfig(quant_backend="bitsandbytes_8bit", quant_kwargs={"load_in_8bit": True}, components_to_quantize=large)}
    import diffusers
    import transformers
    from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig

    kind = {"torchao-int8": Int8WeightOnlyConfig, "torchao-fp8": Float8WeightOnlyConfig}[how]
    # Each library has a class of its own for the same thing.
    mapping = {name: (transformers if name.startswith("text_encoder") else diffusers).TorchAoConfig(kind()) for name in large}
    return {"quantization_config": PipelineQuantizationConfig(quant_mapping=mapping)}


def cast_layerwise(pipe, manifest: dict, dtype) -> None:
    """Weights rest in 8 bits and are converted layer by layer as they are needed: half the memory, for any GPU."""
    if manifest.get("quantization") == "layerwise-fp8":
        import torch

        denoiser(pipe).enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)


def place(pipe, manifest: dict, device: str) -> None:
    how = manifest.get("offload", "none")
    # Without a second memory there is nowhere to keep the weights besides.
    if device == "cpu" or how == "none":
        pipe.to(device)
    elif how == "model":
        pipe.enable_model_cpu_offload(device=device)
    else:
        import torch

        pipe.enable_group_offload(onload_device=torch.device(device), offload_device=torch.device("cpu"), offload_type="leaf_level", use_stream=True)


def place_derived(pipe, manifest: dict, device: str) -> None:
    """Its weights are where the first pipeline put them; whole models that come and go are fetched by the pipeline that runs."""
    if device != "cpu" and manifest.get("offload") == "model":
        pipe.enable_model_cpu_offload(device=device)


def compiled(model) -> None:
    """A block that repeats is compiled once for all: seconds instead of minutes, at the first picture of a size."""
    if getattr(model, "_repeated_blocks", None):
        model.compile_repeated_blocks()
    else:
        model.compile()


def denoiser(pipe):
    return getattr(pipe, "transformer", None) or pipe.unet


def scheduler(pipe, name: str):
    import diffusers

    kind = getattr(diffusers, name, None)
    if kind is None:
        raise refused("Internal", "painting_failed", f'diffusers has no scheduler "{name}": correct the manifest.')
    return kind.from_config(pipe.scheduler.config)
