"""ControlNets and IP-Adapters of random weights that fit the tiny pipelines."""

import inspect
import json
import os

import torch
from diffusers import ControlNetModel, ControlNetUnionModel, DiffusionPipeline, FluxControlNetModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

# A tiny VAE halves a picture: so must the embedding of what a ControlNet sees, which by default divides by eight.
HALVING = (8, 16)


def loud(model: torch.nn.Module) -> torch.nn.Module:
    """A ControlNet begins with zeros, which do nothing."""
    with torch.no_grad():
        for weights in model.parameters():
            if not weights.any():
                torch.nn.init.normal_(weights, std=0.1)
    return model


def union_of(unet: torch.nn.Module) -> ControlNetUnionModel:
    """`from_unet` knows the width of SDXL's first block alone."""
    same = {key: value for key, value in unet.config.items() if key in inspect.signature(ControlNetUnionModel.__init__).parameters}
    width = unet.config.block_out_channels[0]
    return ControlNetUnionModel(**same, conditioning_embedding_out_channels=HALVING, num_trans_channel=width, num_trans_head=2, num_proj_channel=width)


def controls_of(pipe, folder: str) -> list[dict]:
    if hasattr(pipe, "transformer"):
        config = dict(pipe.transformer.config)
        keys = [
            "patch_size", "in_channels", "num_layers", "num_single_layers", "attention_head_dim", "num_attention_heads", "joint_attention_dim", "pooled_projection_dim",
            "guidance_embeds", "axes_dims_rope",
        ]  # fmt: skip
        nets = {name: loud(FluxControlNetModel(**{key: config[key] for key in keys}, num_mode=modes)) for name, modes in (("canny", None), ("depth", None), ("union", 4))}
    else:
        nets = {name: loud(ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=HALVING)) for name in ("canny", "depth")}
        if hasattr(pipe, "text_encoder_2"):
            nets["union"] = loud(union_of(pipe.unet))
    for name, net in nets.items():
        net.save_pretrained(os.path.join(folder, name))
    return [{"kinds": ["edges"], "folder": "canny"}, {"kinds": ["depth"], "folder": "depth", "conditioningScale": 0.8}]


def references_of(pipe, folder: str) -> list[dict]:
    config = CLIPVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16, projection_dim=16)
    CLIPVisionModelWithProjection(config).save_pretrained(os.path.join(folder, "image_encoder"))
    width, weights = pipe.unet.config.cross_attention_dim, {}
    weights["image_proj.proj.weight"] = torch.randn(4 * width, 16)
    weights["image_proj.proj.bias"] = torch.randn(4 * width)
    weights["image_proj.norm.weight"], weights["image_proj.norm.bias"] = torch.ones(width), torch.zeros(width)
    # As the files of IP-Adapter are numbered: cross-attention layers have the odd numbers.
    number = 1
    for name, processor in pipe.unet.attn_processors.items():
        if name.endswith("attn2.processor"):
            layer = pipe.unet.get_submodule(name.removesuffix(".processor"))
            for which in "kv":
                weights[f"ip_adapter.{number}.to_{which}_ip.weight"] = torch.randn(layer.to_k.out_features, width)
            number += 2
    save_file(weights, os.path.join(folder, "ip-adapter.safetensors"))
    return [{"kinds": ["style", "character"], "file": "ip-adapter.safetensors", "imageEncoderFolder": "image_encoder"}]


def add_guides(folder: str) -> None:
    torch.manual_seed(1)
    pipe = DiffusionPipeline.from_pretrained(os.path.join(folder, "weights"), local_files_only=True)
    file = os.path.join(folder, "manifest.json")
    with open(file, encoding="utf-8") as text:
        manifest = json.load(text)
    manifest["controlNets"] = controls_of(pipe, folder)
    if hasattr(pipe, "unet"):
        manifest["ipAdapters"] = references_of(pipe, folder)
    with open(file, "w", encoding="utf-8") as text:
        json.dump(manifest, text)
