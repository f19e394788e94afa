"""What the text encoders read: "(fox:1.5)" and prompts longer than CLIP takes at once for the classes of CLIP alone, and word of what is cut for the others."""

import re

from .pipeline_classes import PipelineClass

WEIGHTED = re.compile(r"\(([^()]+):\s*(\d+(?:\.\d+)?|\.\d+)\s*\)")


def arguments(pipe, can: PipelineClass, prompts: list[str], negatives: list[str] | None) -> dict:
    """As text where diffusers reads all of it; else as embeddings, for the prompt and what it should not be alike, since they must be equally long."""
    texts = [*prompts, *(negatives or [])]
    is_read_whole = all(is_short(pipe, text) and not (can.weights_words and WEIGHTED.search(text)) for text in texts)
    if is_read_whole or not can.reads_long_prompts:
        return {"prompt": prompts, "negative_prompt": negatives}
    encoded, pooled = embeddings(pipe, texts)
    at = len(prompts)
    both = {"prompt_embeds": encoded[:at], "pooled_prompt_embeds": pooled[:at] if pooled is not None else None}
    if negatives:
        both |= {"negative_prompt_embeds": encoded[at:], "negative_pooled_prompt_embeds": pooled[at:] if pooled is not None else None}
    return both


def is_cut(pipe, can: PipelineClass, text: str) -> bool:
    """Whether something of the text is lost to the encoder that reads most of it."""
    if can.prompt_tokens is None or can.reads_long_prompts:
        return False
    readers = [(getattr(pipe, f"tokenizer{suffix}", None), getattr(pipe, f"text_encoder{suffix}", None)) for suffix in ("_3", "_2", "")]
    tokenizer = next(tokenizer for tokenizer, encoder in readers if tokenizer is not None and encoder is not None)
    # A pipeline saved without its T5 reads what CLIP reads.
    most = tokenizer.model_max_length if type(tokenizer).__name__.startswith("CLIP") else can.prompt_tokens
    return tokens_of(pipe, tokenizer, text) > most


def tokens_of(pipe, tokenizer, text: str) -> int:
    """How many count against the limit: with what the class writes around the text, unless it allows for that."""
    if hasattr(pipe, "prompt_template_encode"):
        return len(tokenizer(pipe.prompt_template_encode.format(text), verbose=False).input_ids) - pipe.prompt_template_encode_start_idx
    if getattr(tokenizer, "chat_template", None):
        text = tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True)
    return len(tokenizer(text, verbose=False).input_ids)


def is_short(pipe, text: str) -> bool:
    return all(len(tokenizer(text, verbose=False).input_ids) <= tokenizer.model_max_length for tokenizer, _ in encoders_of(pipe))


def encoders_of(pipe) -> list[tuple]:
    pairs = [(getattr(pipe, f"tokenizer{suffix}", None), getattr(pipe, f"text_encoder{suffix}", None)) for suffix in ("", "_2")]
    return [pair for pair in pairs if pair[0] is not None and pair[1] is not None]


def pieces(text: str) -> list[tuple[str, float]]:
    """The text in its order, each part with its weight."""
    found, at = [], 0
    for match in WEIGHTED.finditer(text):
        found += [(text[at : match.start()], 1.0), (match[1], float(match[2]))]
        at = match.end()
    return [(part, weight) for part, weight in [*found, (text[at:], 1.0)] if part.strip()]


def chunks(tokenizer, text: str) -> list[list[tuple[int, float]]]:
    """Rows of as many tokens as the encoder takes, without its first and last one."""
    ids = [(token, weight) for part, weight in pieces(text) for token in tokenizer(part, add_special_tokens=False, verbose=False).input_ids]
    size = tokenizer.model_max_length - 2
    return [ids[at : at + size] for at in range(0, len(ids), size)] or [[]]


def embeddings(pipe, texts: list[str]) -> tuple:
    """`[texts, tokens, width]` and, where a class has one, the pooled embedding of each text's first row."""
    import torch

    is_sdxl = hasattr(pipe, "text_encoder_2")
    sides, pooled = [], None
    with torch.inference_mode():
        for tokenizer, encoder in encoders_of(pipe):
            rows = [chunks(tokenizer, text) for text in texts]
            longest = max(len(each) for each in rows)
            encoded = [torch.cat([encode(pipe, tokenizer, encoder, row, is_sdxl)[0] for row in each + [[]] * (longest - len(each))], dim=1) for each in rows]
            sides.append(torch.cat(encoded))
            if is_sdxl and encoder is pipe.text_encoder_2:
                pooled = torch.cat([encode(pipe, tokenizer, encoder, each[0], is_sdxl)[1] for each in rows])
    most = max(side.shape[1] for side in sides)
    sides = [torch.nn.functional.pad(side, (0, 0, 0, most - side.shape[1])) for side in sides]
    return torch.cat(sides, dim=-1), pooled


def encode(pipe, tokenizer, encoder, row: list[tuple[int, float]], is_sdxl: bool) -> tuple:
    """One row, as the class itself encodes it. A weight moves a token's embedding away from that of an empty prompt, or towards it."""
    import torch

    length = tokenizer.model_max_length

    def run(ids: list[int]):
        padded = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id] + [tokenizer.pad_token_id] * (length - 2 - len(ids))
        out = encoder(torch.tensor([padded], device=pipe._execution_device), output_hidden_states=is_sdxl)
        return (out.hidden_states[-2] if is_sdxl else out[0]), out[0]

    encoded, pooled = run([token for token, _ in row])
    if any(weight != 1 for _, weight in row):
        empty, _ = run([])
        weights = torch.tensor([1.0, *(weight for _, weight in row)] + [1.0] * (length - 1 - len(row)), device=encoded.device, dtype=encoded.dtype)
        encoded = empty + (encoded - empty) * weights[None, :, None]
    return encoded.to(encoder.dtype), pooled
