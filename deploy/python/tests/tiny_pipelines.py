"""Pipelines of a few thousand random weights, one of each class, with a LoRA file each, as families of models: what they paint is noise, but they are painted as the real ones are.

usage: python3 tiny_pipelines.py <folder of models> [families, or all of them]
"""

import json
import os
import sys
import uuid

import torch
from diffusers import AutoencoderKL, AutoencoderKLQwenImage, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler, FluxKontextPipeline, FluxPipeline, FluxTransformer2DModel
from diffusers import QwenImagePipeline, QwenImageTransformer2DModel, SD3Transformer2DModel, StableDiffusion3Pipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers import UNet2DConditionModel, ZImagePipeline, ZImageTransformer2DModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer
from transformers import Qwen3Config, Qwen3Model, T5Config, T5EncoderModel, T5TokenizerFast

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


def t5() -> tuple[T5EncoderModel, T5TokenizerFast]:
    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    return T5EncoderModel(T5Config(d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, vocab_size=64)), T5TokenizerFast(vocab=words, model_max_length=64)


def qwen_tokenizer() -> Qwen2Tokenizer:
    """A byte is a token."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    letters = [chr(byte) for byte in printable] + [chr(256 + number) for number in range(256 - len(printable))]
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Qwen2Tokenizer(vocab={letter: number for number, letter in enumerate([*letters, *special])}, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    tokenizer.chat_template = "{% for m in messages %}<|im_start|>{{m['role']}}\n{{m['content']}}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
    return tokenizer


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
    encoder, tokenizer = t5()
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(4, shift_factor=0.1, scaling_factor=0.4, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=CLIPTextModel(clip_config()), tokenizer=clip_tokenizer(scratch), text_encoder_2=encoder, tokenizer_2=tokenizer, transformer=transformer,
    )  # fmt: skip
    return pipeline, transformer


def kontext(scratch: str) -> tuple[FluxKontextPipeline, torch.nn.Module]:
    pipeline, transformer = flux(scratch)
    return FluxKontextPipeline(**{name: part for name, part in pipeline.components.items() if name not in ("image_encoder", "feature_extractor")}), transformer


def sd15(scratch: str) -> tuple[StableDiffusionPipeline, torch.nn.Module]:
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=32, in_channels=4, out_channels=4, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=8, cross_attention_dim=32,
    )  # fmt: skip
    pipeline = StableDiffusionPipeline(
        vae=autoencoder(4), text_encoder=CLIPTextModel(clip_config()), tokenizer=clip_tokenizer(scratch), unet=unet, scheduler=EulerDiscreteScheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    return pipeline, unet


def sd3(scratch: str) -> tuple[StableDiffusion3Pipeline, torch.nn.Module]:
    transformer = SD3Transformer2DModel(
        sample_size=32, patch_size=1, in_channels=16, num_layers=2, attention_head_dim=8, num_attention_heads=4, joint_attention_dim=32, caption_projection_dim=32,
        pooled_projection_dim=64, out_channels=16, pos_embed_max_size=96,
    )  # fmt: skip
    encoder, t5_tokenizer = t5()
    tokenizer = clip_tokenizer(scratch)
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(16, shift_factor=0.06, scaling_factor=1.5, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=CLIPTextModelWithProjection(clip_config()), tokenizer=tokenizer, text_encoder_2=CLIPTextModelWithProjection(clip_config()), tokenizer_2=tokenizer,
        text_encoder_3=encoder, tokenizer_3=t5_tokenizer,
    )  # fmt: skip
    return pipeline, transformer


def qwen(_scratch: str) -> tuple[QwenImagePipeline, torch.nn.Module]:
    transformer = QwenImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=3, joint_attention_dim=16, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    vae = AutoencoderKLQwenImage(
        base_dim=24, z_dim=4, dim_mult=[1, 2, 4, 4], num_res_blocks=1, temperal_downsample=[False, True, True], latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )  # fmt: skip
    text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 1000}
    rope = {"rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"}, "rope_theta": 1e6}
    vision = {"depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    tokens = {"vision_end_token_id": 651, "vision_start_token_id": 652, "vision_token_id": 654}
    config = Qwen2_5_VLConfig(text_config={**text, **rope}, vision_config=vision, hidden_size=16, vocab_size=1000, **tokens)
    encoder = Qwen2_5_VLForConditionalGeneration(config).eval()
    return QwenImagePipeline(transformer=transformer, vae=vae, scheduler=FlowMatchEulerDiscreteScheduler(), text_encoder=encoder, tokenizer=qwen_tokenizer()), transformer


def zimage(_scratch: str) -> tuple[ZImagePipeline, torch.nn.Module]:
    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=16, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16, axes_dims=[8, 4, 4], axes_lens=[2560, 64, 64],
    )  # fmt: skip
    with torch.no_grad():
        transformer.x_pad_token.fill_(1)
        transformer.cap_pad_token.fill_(1)
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 16), norm_num_groups=4, layers_per_block=1, latent_channels=16, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, sample_size=64, scaling_factor=0.3611, shift_factor=0.1159,
    )  # fmt: skip
    encoder = Qwen3Model(Qwen3Config(hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, vocab_size=1000, max_position_embeddings=512))
    return ZImagePipeline(transformer=transformer, vae=vae, scheduler=FlowMatchEulerDiscreteScheduler(), text_encoder=encoder, tokenizer=qwen_tokenizer()), transformer


FAMILIES = {"sdxl-tiny": sdxl, "flux-tiny": flux, "sd15-tiny": sd15, "sd3-tiny": sd3, "kontext-tiny": kontext, "qwen-tiny": qwen, "zimage-tiny": zimage}


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


def write_family(models: str, name: str) -> None:
    torch.manual_seed(0)
    folder = os.path.join(models, name)
    pipeline, model = FAMILIES[name](os.path.join(folder, "vocabulary"))
    pipeline.save_pretrained(os.path.join(folder, "weights"))
    save_adapter(pipeline, model, folder)
    with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as text:
        json.dump(manifest(name), text, indent=2)


if __name__ == "__main__":
    for each in sys.argv[2:] or FAMILIES:
        write_family(sys.argv[1], each)
