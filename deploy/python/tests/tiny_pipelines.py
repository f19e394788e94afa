"""SDXL and FLUX pipelines of a few thousand random weights, with a LoRA file each, as families of models: what they paint is noise, but they are painted as the real ones are.

usage: python3 tiny_pipelines.py <folder of models>
"""

import json
import os
import sys
import uuid

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel, StableDiffusionXLPipeline, UNet2DConditionModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, T5Config, T5EncoderModel, T5TokenizerFast

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def clip_tokenizer(folder: str) -> CLIPTokenizer:
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    os.makedirs(folder, exist_ok=True)
    files = os.path.join(folder, "vocab.json"), os.path.join(folder, "merges.txt")
    with open(files[0], "w", encoding="utf-8") as vocabulary, open(files[1], "w", encoding="utf-8") as merges:
        json.dump({word: number for number, word in enumerate(words)}, vocabulary)
        merges.write("#version: 0.2\n")
    return CLIPTokenizer(*files, model_max_length=77)


def clip_config() -> CLIPTextConfig:
    return CLIPTextConfig(bos_token_id=52, eos_token_id=53, pad_token_id=53, hidden_size=32, intermediate_size=37, num_attention_heads=4, num_hidden_layers=3, vocab_size=54, projection_dim=32)


def autoencoder(channels: int, **more: object) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 16), norm_num_groups=4, layers_per_block=1, in_channels=3, out_channels=3, latent_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, sample_size=64, **more,
    )  # fmt: skip


def sdxl(scratch: str) -> tuple[StableDiffusionXLPipeline, torch.nn.Module]:
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=32, in_channels=4, out_channels=4, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(2, 4), use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=8, transformer_layers_per_block=(1, 1), projection_class_embeddings_input_dim=80, cross_attention_dim=64,
    )  # fmt: skip
    tokenizer = clip_tokenizer(scratch)
    pipeline = StableDiffusionXLPipeline(
        vae=autoencoder(4), text_encoder=CLIPTextModel(clip_config()), text_encoder_2=CLIPTextModelWithProjection(clip_config()), tokenizer=tokenizer, tokenizer_2=tokenizer,
        unet=unet, scheduler=EulerDiscreteScheduler(),
    )  # fmt: skip
    return pipeline, unet


def flux(scratch: str) -> tuple[FluxPipeline, torch.nn.Module]:
    transformer = FluxTransformer2DModel(patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8), guidance_embeds=True)
    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    t5 = T5Config(d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, vocab_size=64)
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(4, shift_factor=0.1, scaling_factor=0.4, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=CLIPTextModel(clip_config()), tokenizer=clip_tokenizer(scratch), text_encoder_2=T5EncoderModel(t5), tokenizer_2=T5TokenizerFast(vocab=words, model_max_length=64), transformer=transformer,
    )  # fmt: skip
    return pipeline, transformer


def save_adapter(pipeline, model: torch.nn.Module, folder: str) -> None:
    """A LoRA that is not nothing: peft begins with zeros."""
    model.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_k", "to_v"]))
    for name, weights in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weights, std=0.5)
    layers = get_peft_model_state_dict(model)
    part = "unet" if hasattr(pipeline, "unet") else "transformer"
    type(pipeline).save_lora_weights(os.path.join(folder, "adapters"), **{f"{part}_lora_layers": layers}, weight_name="loud.safetensors")


def manifest(name: str) -> dict:
    def variant(suffix: str, adapters: list[dict]) -> dict:
        return {
            "modelId": f"{name}{suffix}", "name": name, "description": "Random weights, for tests.", "aliases": [], "leonardoId": str(uuid.uuid5(uuid.NAMESPACE_URL, name + suffix)),
            "isDefault": f"{name}{suffix}" == "sdxl-tiny", "adapters": adapters,
        }  # fmt: skip

    return {
        "formatVersion": 1, "pipeline": "diffusers", "version": "1", "variants": [variant("", []), variant("-loud", [{"file": "adapters/loud.safetensors", "weight": 1}])],
        "limits": {"minSidePx": 32, "maxSidePx": 1536, "defaultSteps": 4, "maxSteps": 60, "defaultGuidanceScale": 7},
        "nativeSidePx": 128, "pipelineFolder": "weights", "dtype": "float32", "picturesAtOnce": 1,
    }  # fmt: skip


if __name__ == "__main__":
    for name, make in (("sdxl-tiny", sdxl), ("flux-tiny", flux)):
        torch.manual_seed(0)
        folder = os.path.join(sys.argv[1], name)
        pipeline, model = make(os.path.join(folder, "vocabulary"))
        pipeline.save_pretrained(os.path.join(folder, "weights"))
        save_adapter(pipeline, model, folder)
        with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as text:
            json.dump(manifest(name), text, indent=2)
