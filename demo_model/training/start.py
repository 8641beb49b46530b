"""Begins from a shipped checkpoint: its weights in a model of today's tokenizer and sizes."""

from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer, Qwen2TokenizerFast
from transformers import Qwen3VLForConditionalGeneration as Model

# The share of the weights begun from in those that are written. What training has changed little
# gets better by it, and what it has just taught stays (Wortsman et al. 2022, arXiv:2109.01903).
KEPT = 0.15
# Where the layers of a shallower language model come to stand in one of six.
PLACES = {4: (0, 1, 3, 4), 6: (0, 1, 2, 3, 4, 5)}


def start_from(folder: Path, model: Model, tokenizer: Qwen2TokenizerFast) -> None:
    """Copy the checkpoint's weights into `model`. Both answer alike then: layers that the
    checkpoint lacks add nothing at first, and a token that it lacks is the mean of its pieces."""
    old = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    old_tokenizer = AutoTokenizer.from_pretrained(folder)
    model.model.visual.load_state_dict(old.model.visual.state_dict())
    theirs, ours = old.model.language_model, model.model.language_model
    places = PLACES[len(theirs.layers)]
    with torch.no_grad():
        for at, layer in enumerate(ours.layers):
            if at in places:
                layer.load_state_dict(theirs.layers[places.index(at)].state_dict())
            else:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
        ours.norm.load_state_dict(theirs.norm.state_dict())
        table = theirs.embed_tokens.weight
        for token in range(len(tokenizer)):
            ours.embed_tokens.weight[token] = table[_pieces(token, tokenizer, old_tokenizer)].mean(
                0
            )


def mix_in(folder: Path, model: Model, fresh: Model, tokenizer: Qwen2TokenizerFast) -> None:
    """Move `model`, which began from the checkpoint in `folder`, back towards it by KEPT. `fresh`:
    any model of the same sizes, whose weights are lost."""
    start_from(folder, fresh, tokenizer)
    with torch.no_grad():
        for trained, begun in zip(model.parameters(), fresh.parameters(), strict=True):
            trained.lerp_(begun, KEPT)


def _pieces(token: int, tokenizer: Qwen2TokenizerFast, old: Qwen2TokenizerFast) -> list[int]:
    """The old tokens that spell a token."""
    spelled = tokenizer.convert_ids_to_tokens(token)
    same = old.convert_tokens_to_ids(spelled)
    if same is not None:
        return [int(same)]
    text = tokenizer.convert_tokens_to_string([spelled])
    if "\ufffd" in text:  # some bytes of a character
        return [int(old.convert_tokens_to_ids(char)) for char in spelled]
    return list(old.encode(text, add_special_tokens=False))
