"""From files to a pipeline: what a manifest says of memory and speed is what diffusers is told. Quantising needs CUDA and is not run here."""

import json
import os
import shutil
import subprocess
import sys
import types

import pytest
import torch
from single_file import write_single_file
from tessera_diffusion import loading
from tessera_diffusion.families import Family
from tessera_diffusion.refusals import Refusal
from tiny_pipelines import manifest


def test_a_single_file_loads_what_the_folder_loads(models, tmp_path):
    write_single_file(os.path.join(models, "sdxl-tiny", "weights"), str(tmp_path))
    fields = {"singleFile": "model.safetensors", "configFolder": "config", "pipelineClass": "StableDiffusionXLPipeline"}
    one = {key: value for key, value in manifest("one").items() if key != "pipelineFolder"} | fields
    single, whole = loading.load(Family("one", str(tmp_path), one), "cpu"), loading.load(Family("whole", str(tmp_path), manifest("whole")), "cpu")
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        ours, theirs = getattr(single, part).state_dict(), getattr(whole, part).state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), part


def test_a_file_that_holds_the_transformer_alone_takes_the_rest_from_the_folder(engine, models):
    source, folder = os.path.join(models, "zimage-tiny"), os.path.join(models, "zimage-single")
    shutil.copytree(os.path.join(source, "weights"), os.path.join(folder, "config"))
    os.rename(os.path.join(folder, "config", "transformer", "diffusion_pytorch_model.safetensors"), os.path.join(folder, "model.safetensors"))
    fields = {key: value for key, value in manifest("zimage-single").items() if key != "pipelineFolder"}
    with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as text:
        json.dump({**fields, "singleFile": "model.safetensors", "configFolder": "config", "pipelineClass": "ZImagePipeline"}, text)
    assert engine.paint("zimage-single").bytes == engine.paint("zimage-tiny").bytes


def test_a_class_that_loads_no_single_file_is_named(models):
    one = {**manifest("one"), "singleFile": "model.safetensors", "configFolder": "weights", "pipelineClass": "QwenImagePipeline"}
    with pytest.raises(Refusal, match="diffusers has no QwenImagePipeline that does so"):
        loading.load(Family("one", models, one), "cpu")


def test_weights_that_rest_in_eight_bits_generate(models):
    fields = {"quantization": "layerwise-fp8", "vaeTiling": True, "scheduler": "DPMSolverMultistepScheduler"}
    pipe = loading.load(Family("sdxl-tiny", os.path.join(models, "sdxl-tiny"), {**manifest("sdxl-tiny"), **fields}), "cpu")
    assert pipe.unet.down_blocks[0].resnets[0].conv1.weight.dtype == torch.float8_e4m3fn
    assert pipe.vae.use_tiling
    assert type(pipe.scheduler).__name__ == "DPMSolverMultistepScheduler"
    image = pipe("a red fox", width=64, height=64, num_inference_steps=2, output_type="np").images[0]
    assert image.shape == (64, 64, 3)
    assert image.std() > 0


class Recorder:
    """Stands in for a pipeline on a GPU: says what it was told."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name: str):
        return lambda *args, **more: self.told.append((name, args, more))


@pytest.mark.parametrize(
    ("offload", "device", "told"),
    [
        ("none", "cuda:0", [("to", ("cuda:0",), {})]),
        ("model", "cuda:1", [("enable_model_cpu_offload", (), {"device": "cuda:1"})]),
        ("model", "cpu", [("to", ("cpu",), {})]),
        ("group", "cuda:0", [("enable_group_offload", (), {"onload_device": torch.device("cuda:0"), "offload_device": torch.device("cpu"), "offload_type": "leaf_level", "use_stream": True})]),
    ],
)
def test_offload_decides_where_the_weights_wait(offload, device, told):
    pipe = Recorder()
    loading.place(pipe, {"offload": offload}, device)
    assert pipe.told == told


def test_a_block_that_repeats_is_compiled_once_for_all_of_them():
    repeating, plain = Recorder(), Recorder()
    repeating._repeated_blocks, plain._repeated_blocks = ["Block"], []
    loading.compiled(repeating)
    loading.compiled(plain)
    assert [each.told[0][0] for each in (repeating, plain)] == ["compile_repeated_blocks", "compile"]


@pytest.fixture
def asked(monkeypatch) -> list[dict]:
    """What diffusers would be asked to quantise: the libraries that do it are not there without CUDA."""
    import diffusers
    import transformers

    seen: list[dict] = []
    monkeypatch.setattr(diffusers, "PipelineQuantizationConfig", lambda **more: seen.append(more))
    for library in (diffusers, transformers):
        monkeypatch.setattr(library, "TorchAoConfig", lambda kind, library=library.__name__: (library, kind))
    quantization = types.ModuleType("torchao.quantization")
    quantization.Int8WeightOnlyConfig, quantization.Float8WeightOnlyConfig = (lambda: "int8"), (lambda: "fp8")
    monkeypatch.setitem(sys.modules, "torchao", types.ModuleType("torchao"))
    monkeypatch.setitem(sys.modules, "torchao.quantization", quantization)
    return seen


def test_denoiser_and_large_text_encoders_are_quantised(asked, models):
    folder = os.path.join(models, "flux-tiny", "weights")
    for how in ("bnb-nf4", "bnb-int8", "torchao-int8", "torchao-fp8"):
        loading.quantised({"quantization": how}, folder, torch.bfloat16)
    large = ["text_encoder_2", "transformer"]
    assert [sorted(each["components_to_quantize"]) for each in asked[:2]] == [large, large]
    assert asked[0]["quant_backend"] == "bitsandbytes_4bit"
    assert asked[0]["quant_kwargs"] == {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
    assert (asked[1]["quant_backend"], asked[1]["quant_kwargs"]) == ("bitsandbytes_8bit", {"load_in_8bit": True})
    assert asked[2]["quant_mapping"] == {"transformer": ("diffusers", "int8"), "text_encoder_2": ("transformers", "int8")}
    assert asked[3]["quant_mapping"] == {"transformer": ("diffusers", "fp8"), "text_encoder_2": ("transformers", "fp8")}


def test_the_package_imports_neither_torch_nor_diffusers():
    lines = """
import sys, types
sys.modules["onnxruntime"] = types.SimpleNamespace(InferenceSession=None, SessionOptions=None)
import tessera_diffusion.tasks
print(sorted({"torch", "diffusers", "transformers", "PIL", "safetensors"} & sys.modules.keys()))
"""
    package = os.path.dirname(os.path.dirname(os.path.abspath(loading.__file__)))
    assert subprocess.run([sys.executable, "-c", lines], cwd=package, capture_output=True, text=True, check=True).stdout.strip() == "[]"
