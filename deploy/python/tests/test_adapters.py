"""LoRA files in the formats that people have, and files that are none."""

import hashlib
import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tessera_diffusion.refusals import Refusal
from tiny_pipelines import FAMILIES


def digest_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Lora:
    """The family's own LoRA, written anew in other formats and sent by digest."""

    def __init__(self, engine, family: str, folder):
        self.engine, self.family, self.folder = engine, family, folder
        self.weights = load_file(os.path.join(engine.models, family, "adapters", "loud.safetensors"))

    def send(self, weights: dict | bytes) -> str:
        path = str(self.folder / "adapter.safetensors")
        if isinstance(weights, bytes):
            with open(path, "wb") as file:
                file.write(weights)
        else:
            save_file({key: value.clone() for key, value in weights.items()}, path)
        digest = digest_of(path)
        data = np.fromfile(path, np.uint8)
        self.engine.tasks.serve({"task": "adapter", "sha256": digest}, {"bytes": data}, lambda *_: None, lambda: False)
        return digest

    def paint(self, *adapters: tuple[str, float]) -> bytes:
        return self.engine.paint(self.family, adapters=[{"sha256": digest, "weight": weight} for digest, weight in adapters]).bytes[0]

    def kohya(self, alpha: float = 4.0) -> dict:
        written = {}
        for key, value in self.weights.items():
            name, part = key.removeprefix("unet.").rsplit(".lora_", 1)
            layer = f"lora_unet_{name.replace('.', '_')}"
            written[f"{layer}.{'lora_down' if part.startswith('A') else 'lora_up'}.weight"] = value
            written[f"{layer}.alpha"] = torch.tensor(alpha)
        return written


@pytest.fixture
def lora(engine, tmp_path) -> Lora:
    return Lora(engine, "sdxl-tiny", tmp_path)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_lora_of_a_variant_acts_with_its_weight_and_not_afterwards(engine, family):
    loud = [{"file": "adapters/loud.safetensors", "weight": 1}]
    before = engine.paint(family).bytes
    acting = engine.paint(family, adapters=loud).bytes
    assert acting != before
    assert engine.paint(family, adapters=[{**loud[0], "weight": 0.5}]).bytes not in (acting, before)
    assert engine.paint(family).bytes == before


def test_the_same_matrices_give_the_same_picture_in_every_format(lora):
    by_file = lora.engine.paint("sdxl-tiny", adapters=[{"file": "adapters/loud.safetensors", "weight": 1}]).bytes[0]
    assert lora.paint((lora.send(lora.weights), 1)) == by_file
    assert lora.paint((lora.send(lora.kohya()), 1)) == by_file
    assert lora.paint((lora.send(lora.kohya(alpha=2)), 2)) == by_file
    assert lora.paint((lora.send({key.replace("unet.", "base_model.model."): value for key, value in lora.weights.items()}), 1)) == by_file


def test_peft_files_of_a_transformer_act(engine, tmp_path):
    flux = Lora(engine, "flux-tiny", tmp_path)
    peft = {key.replace("transformer.", "base_model.model."): value for key, value in flux.weights.items()}
    assert flux.paint((flux.send(peft), 1)) == flux.paint((flux.send(flux.weights), 1))


def test_four_adapters_act_together_with_their_weights(lora):
    digests = [lora.send({key: value * scale for key, value in lora.weights.items()}) for scale in (0.5, 0.6, 0.7, 0.8)]
    together = lora.paint(*((digest, 0.5) for digest in digests))
    assert together != lora.paint(*((digest, 0.5) for digest in digests[:3]))
    assert together != lora.paint(*((digest, 0.4) for digest in digests))
    assert lora.paint((digests[0], 0)) == lora.engine.paint("sdxl-tiny").bytes[0]


def test_text_encoders_of_a_kohya_file_act(lora):
    draw = torch.Generator().manual_seed(1)
    encoder = {}
    for layer in range(3):
        for which in ("q_proj", "k_proj", "v_proj", "out_proj"):
            name = f"lora_te1_text_model_encoder_layers_{layer}_self_attn_{which}"
            encoder[f"{name}.lora_down.weight"], encoder[f"{name}.lora_up.weight"] = torch.randn(4, 32, generator=draw), torch.randn(32, 4, generator=draw)
            encoder[f"{name}.alpha"] = torch.tensor(4.0)
    before = lora.engine.paint("sdxl-tiny").bytes[0]
    assert lora.paint((lora.send({**lora.kohya(), **encoder}), 1)) != lora.paint((lora.send(lora.kohya()), 1))
    assert lora.engine.paint("sdxl-tiny").bytes[0] == before


def bad_files(lora: Lora, engine) -> dict[str, tuple[dict | bytes, str]]:
    kohya = lora.kohya()
    downs = [key for key in kohya if key.endswith("lora_down.weight")]
    loha = {}
    for key in downs[:4]:
        name, width, height = key.removesuffix(".lora_down.weight"), kohya[key].shape[1], kohya[key.replace("lora_down", "lora_up")].shape[0]
        for which in "12":
            loha |= {f"{name}.hada_w{which}_a": torch.ones(height, 4), f"{name}.hada_w{which}_b": torch.ones(4, width)}
    partial = {}
    for layer in range(3):
        name = f"lora_te1_text_model_encoder_layers_{layer}_self_attn_q_proj"
        partial |= {f"{name}.lora_down.weight": torch.ones(4, 32), f"{name}.lora_up.weight": torch.ones(32, 4), f"{name}.alpha": torch.tensor(4.0)}
    whole = json.dumps({}).encode()
    return {
        "garbage": (b"not a file at all" * 10, "unreadable_adapter"),
        "empty": (b"", "unreadable_adapter"),
        "no tensors": (len(whole).to_bytes(8, "little") + whole, "foreign_adapter"),
        "FLUX": (load_file(os.path.join(engine.models, "flux-tiny", "adapters", "loud.safetensors")), "foreign_adapter"),
        "SD1.5": (load_file(os.path.join(engine.models, "sd15-tiny", "adapters", "loud.safetensors")), "foreign_adapter"),
        "wider": ({key: torch.cat([value, value[:1]]) if ".lora_B" in key else value for key, value in lora.weights.items()}, "foreign_adapter"),
        "half of another": ({**lora.weights, **{f"unet.nowhere.{key.removeprefix('unet.')}": value for key, value in lora.weights.items()}}, "foreign_adapter"),
        "LoHa": (loha, "unreadable_adapter"),
        "DoRA of kohya": ({**kohya, **{key.replace("lora_down.weight", "dora_scale"): torch.ones(1, kohya[key].shape[1]) for key in downs}}, "unreadable_adapter"),
        "DoRA of peft": ({**lora.weights, **{key.replace("lora_B.weight", "lora_magnitude_vector"): value[:, 0] for key, value in lora.weights.items() if ".lora_B" in key}}, "unreadable_adapter"),
        "text encoder in part": ({**kohya, **partial}, "unreadable_adapter"),
        "one matrix of a pair": ({key: value for key, value in lora.weights.items() if ".lora_A" in key}, "unreadable_adapter"),
    }  # fmt: skip


def test_a_bad_file_is_the_callers_error_and_leaves_nothing_behind(lora, engine):
    before, good = engine.paint("sdxl-tiny").bytes[0], lora.send(lora.kohya())
    loud = lora.paint((good, 1))
    for name, (weights, reason) in bad_files(lora, engine).items():
        digest = lora.send(weights)
        for _ in "twice":
            with pytest.raises(Refusal) as refusal:
                lora.paint((good, 1), (digest, 1))
            assert str(refusal.value).startswith(f"InvalidArgument/{reason}: "), (name, str(refusal.value))
        assert engine.paint("sdxl-tiny").bytes[0] == before, name
    assert lora.paint((good, 1)) == loud


def test_the_first_file_that_a_fresh_pipeline_sees_may_be_a_bad_one(models, engine, tmp_path):
    fresh = type(engine)(models)
    lora = Lora(fresh, "sdxl-tiny", tmp_path)
    bad = lora.send(bad_files(lora, fresh)["text encoder in part"][0])
    with pytest.raises(Refusal, match="InvalidArgument/unreadable_adapter"):
        lora.paint((bad, 1))
    assert fresh.paint("sdxl-tiny").bytes == engine.paint("sdxl-tiny").bytes


def test_files_that_are_not_there_are_named_by_their_digests(engine, lora):
    there, absent = lora.send(lora.weights), [letter * 64 for letter in "ab"]
    with pytest.raises(Refusal, match=f"Unavailable/adapter_absent: .* {absent[0]} {absent[1]}$"):
        lora.paint((absent[0], 1), (there, 1), (absent[1], 1))


def test_bytes_of_another_digest_and_names_that_are_none_are_not_kept(engine):
    def send(digest: str) -> None:
        engine.tasks.serve({"task": "adapter", "sha256": digest}, {"bytes": np.zeros(4, np.uint8)}, lambda *_: None, lambda: False)

    for digest in ("a" * 64, "../../etc/passwd"):
        with pytest.raises(Refusal, match="InvalidArgument/unreadable_adapter"):
            send(digest)
    assert not os.path.exists(engine.tasks.pipelines.adapter_files.path("a" * 64))


def test_the_file_that_was_not_used_for_longest_makes_room(engine, lora, monkeypatch):
    files = engine.tasks.pipelines.adapter_files
    old, used = lora.send({"a": torch.zeros(1)}), lora.send({"b": torch.zeros(1)})
    os.utime(files.path(old), (1, 1))
    monkeypatch.setattr("tessera_diffusion.adapters.FILES_BYTES_MAX", sum(entry.stat().st_size for entry in os.scandir(files.folder)))
    new = lora.send({"c": torch.zeros(1)})
    assert [os.path.exists(files.path(each)) for each in (old, used, new)] == [False, True, True]
