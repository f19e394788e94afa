"""A checkpoint in the layout that people share, of a U-Net as diffusers names its layers: that of Stability's own code."""

import os
import re

import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import save_file

WHOLE = {
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1", "mid_block.resnets.1": "middle_block.2",
}  # fmt: skip
OF_RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}


def shared_name(key: str) -> str:
    for ours, theirs in OF_RESNET.items():
        key = re.sub(rf"(resnets\.\d+)\.{ours}\.", rf"\1.{theirs}.", key)
    for ours, theirs in WHOLE.items():
        if key.startswith(f"{ours}."):
            return key.replace(ours, theirs, 1)
    way, block, kind, number, rest = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", key).groups()
    block, number = int(block), int(number)
    if way == "down":
        return f"input_blocks.{3 * block + 3}.0.op.{rest.removeprefix('conv.')}" if kind == "downsamplers" else f"input_blocks.{3 * block + number + 1}.{int(kind == 'attentions')}.{rest}"
    # Two more blocks with attention, then the last one, which has none and does not enlarge.
    return f"output_blocks.{3 * block + 2}.2.{rest}" if kind == "upsamplers" else f"output_blocks.{3 * block + number}.{int(kind == 'attentions')}.{rest}"


def deeper_unet() -> UNet2DConditionModel:
    """With as many blocks as SDXL has: the names of a checkpoint's layers are counted through."""
    return UNet2DConditionModel(
        block_out_channels=(32, 64, 64), layers_per_block=2, sample_size=32, in_channels=4, out_channels=4, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4, 4), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8, transformer_layers_per_block=(1, 1, 1),
        projection_class_embeddings_input_dim=80, cross_attention_dim=64,
    )  # fmt: skip


def write_single_file(weights: str, folder: str) -> None:
    """`folder` gets the pipeline twice: as `save_pretrained` writes it, and as one file beside a folder of configurations."""
    torch.manual_seed(2)
    pipe = StableDiffusionXLPipeline.from_pretrained(weights, local_files_only=True, unet=deeper_unet())
    for name in ("weights", "config"):
        pipe.save_pretrained(os.path.join(folder, name))
    os.remove(os.path.join(folder, "config", "unet", "diffusion_pytorch_model.safetensors"))
    save_file({f"model.diffusion_model.{shared_name(key)}": value for key, value in pipe.unet.state_dict().items()}, os.path.join(folder, "model.safetensors"))
