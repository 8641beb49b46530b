"""Writes the tokenizer of Qwen's published checkpoints: 151,643 byte pair encodings, whose ranks
the wheel of `dashscope` has, and 26 control tokens."""

import base64
import json
from importlib.util import find_spec
from pathlib import Path

from inference.config import DEMO_CHECKPOINT
from inference.detokenizer import BYTE_OF_CHAR

# In the order of their ids. Those after the vision tokens are "not special": a decoder shows them.
CONTROL_TOKENS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"),
    *("<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
)
SHOWN_TOKENS = (
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
    *("<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>"),
    *("<think>", "</think>"),
)
CHAT_TEMPLATE = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.content is string %}
        {{- message.content }}
    {%- else %}
        {%- for part in message.content %}
            {%- if part.type == 'image' or 'image' in part or 'image_url' in part %}
                {{- '<|vision_start|><|image_pad|><|vision_end|>' }}
            {%- elif 'text' in part %}
                {{- part.text }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def write_tokenizer(folder: Path) -> None:
    """In the files of the published repositories. The chat template is in `chat_template.json`
    alone, where some of them have it."""
    ranks = _ranks()
    vocabulary = {_written(token): rank for token, rank in ranks.items()}
    merges = [[_written(left), _written(right)] for left, right in _merges(ranks)]
    control = [*CONTROL_TOKENS, *SHOWN_TOKENS]
    added = [
        {
            "id": len(ranks) + index,
            "content": token,
            **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
            "special": token in CONTROL_TOKENS,
        }
        for index, token in enumerate(control)
    ]
    # The demo checkpoint's has the published rules for splitting a text, and no other vocabulary.
    tokenizer = json.loads((DEMO_CHECKPOINT / "tokenizer.json").read_text())
    tokenizer["model"] |= {"vocab": vocabulary, "merges": merges}
    tokenizer["added_tokens"] = added
    config = {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(token["id"]): {key: token[key] for key in token if key != "id"} for token in added
        },
        "additional_special_tokens": list(CONTROL_TOKENS[1:]),
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 262144,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    for name, content in (
        ("tokenizer.json", tokenizer),
        ("tokenizer_config.json", config),
        ("vocab.json", vocabulary),
        ("chat_template.json", {"chat_template": CHAT_TEMPLATE}),
    ):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False))
    lines = "".join(f"{left} {right}\n" for left, right in merges)
    (folder / "merges.txt").write_text("#version: 0.2\n" + lines)


def _ranks() -> dict[bytes, int]:
    found = find_spec("dashscope")
    if found is None or found.origin is None:
        raise SystemExit("dashscope is not installed: it is in the extra `dev`.")
    file = Path(found.origin).parent / "resources" / "qwen.tiktoken"
    pairs = [line.split() for line in file.read_bytes().splitlines() if line]
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


_CHAR_OF_BYTE = {byte: char for char, byte in BYTE_OF_CHAR.items()}


def _written(token: bytes) -> str:
    """As byte-level vocabularies write it: each byte as a printable character."""
    return token.decode("latin-1").translate(_CHAR_OF_BYTE)


def _merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The pair that each token was merged from, in the order of the ranks."""
    rank_of = ranks.get
    merges = []
    for token, rank in ranks.items():
        if len(token) == 1:
            continue
        pairs = [
            (token[:at], token[at:])
            for at in range(1, len(token))
            if rank_of(token[:at], rank) < rank and rank_of(token[at:], rank) < rank
        ]
        merges.append(pairs[0] if len(pairs) == 1 else _last_merge(token, rank, ranks))
    return merges


def _last_merge(token: bytes, rank: int, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """Encode the token with the pairs that came before it."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        pairs = [ranks.get(parts[at] + parts[at + 1], rank) for at in range(len(parts) - 1)]
        at = pairs.index(min(pairs))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    left, right = parts
    return left, right
