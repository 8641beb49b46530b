"""Checkpoints as Qwen publishes them: their keys, files, shards and vocabulary. The weights are
random and the layers narrow; all of a photo's way is as published."""

import asyncio
import json
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from contract.completion import CompletionRequest, Turn
from contract.response import Delta
from inference.batching.job import Job
from inference.config import Settings
from inference.model.checkpoint import UnfitError, load_checkpoint
from inference.model.model import Model
from loadtest.check_gpu import CPU, LIMITS, check, verdicts
from loadtest.published_checkpoint import CONFIG_8B, SHARDS
from tests.engine.asks import SCHEMA, answered, ask, engine, mixed, reference

TOKENS = 151_669
LOGITS = 151_936


def settings_of(folder: Path, **settings: object) -> Settings:
    known = {"max_image_tokens": 64, "max_context_tokens": 1024, "slots": 4, "dtype": "float32"}
    return Settings(_env_file=None, checkpoint=str(folder), **{**known, **settings})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def published(published_folder: Path) -> Model:
    return Model(settings_of(published_folder))


def test_the_published_keys_are_understood(published: Model, published_folder: Path) -> None:
    """Old-style ones of M-RoPE, and a tower that names its type wrongly."""
    written = json.loads((published_folder / "config.json").read_text())
    assert written["text_config"]["rope_theta"] == 5_000_000
    assert written["vision_config"]["model_type"] == "qwen3_vl"
    config = published._module.config
    rope = config.text_config.rope_parameters
    assert rope["rope_theta"] == 5_000_000
    assert (rope["mrope_section"], rope["mrope_interleaved"]) == ([24, 20, 20], True)
    assert config.vision_config.deepstack_visual_indexes == [8, 16, 24]
    assert published._eos == {151_645, 151_643}
    assert len(list(published_folder.glob("model-*.safetensors"))) == SHARDS
    assert published.facts.parameters == sum(
        tensor.numel() for tensor in published._module.state_dict().values()
    )


def test_the_vocabulary_is_the_published_one(published: Model) -> None:
    tokenizer = published._prompts._tokenizer
    assert len(tokenizer) == TOKENS
    # As the hosted tokenizer has it.
    assert tokenizer.encode("你好，这是真皮吗？<|im_end|>") == [
        *(108386, 3837, 100346, 118208, 101037, 11319, 151645)
    ]
    photo = Image.new("RGB", (256, 256))
    prompt = published.prompt(CompletionRequest((Turn("user", "?"),), None), photo)
    assert tokenizer.decode(prompt.ids) == (
        "<|im_start|>user\n<|vision_start|>" + 64 * "<|image_pad|>" + "<|vision_end|>?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_the_pieces_of_an_answer_are_what_the_tokenizer_decodes(published: Model) -> None:
    tokenizer = published._prompts._tokenizer
    choose = random.Random(1)
    ids = [choose.randrange(TOKENS - 26) for _ in range(2000)]
    pieces = b"".join(map(published.bytes_of, ids)).decode("utf-8", "replace")
    assert pieces == tokenizer.decode(ids)
    assert {published.bytes_of(token) for token in range(TOKENS - 26, LOGITS)} == {b""}


async def test_mixed_questions_get_the_very_tokens_of_generate(published: Model) -> None:
    asks = mixed(published, 12, longest=40, most_tokens=8)
    wanted = await reference(published, asks)
    with engine(published) as running:
        results = await asyncio.gather(*(answered(running, published, a) for a in asks))
    assert results == wanted
    assert len(set(results)) > len(asks) // 2, "the answers must differ"


async def test_a_logit_that_is_no_token_says_nothing(published: Model) -> None:
    """There are 267 more logits than tokens. Whatever their weights are, they are no text."""
    head = published._module.lm_head.weight
    asked = ask(published, "what?", max_tokens=6, logprobs=True, top_logprobs=3)
    kept = head[TOKENS:].detach().clone()
    with torch.no_grad():
        head[TOKENS:] *= 50
    try:
        with engine(published) as running:
            job = Job(asked.prompt, asked.sampling, time.monotonic() + 60)
            pieces = [piece async for piece in running.answer(job)]
    finally:
        with torch.no_grad():
            head[TOKENS:] = kept
    tokens = [token for piece in pieces if isinstance(piece, Delta) for token in piece.logprobs]
    assert len(tokens) == 6
    assert [token.data for token in tokens].count(b"") > 3
    assert {other.data for token in tokens for other in token.top} >= {b""}


async def test_an_answer_keeps_to_its_schema(published: Model) -> None:
    asks = [
        ask(published, f"card {n}", schema=SCHEMA, temperature=1.0, seed=n, max_tokens=100)
        for n in range(2)
    ]
    with engine(published) as running:
        results = await asyncio.gather(*(answered(running, published, a) for a in asks))
    for result in results:
        assert isinstance(result, tuple)
        assert result[1] == "stop"
        assert json.loads(result[0])["kind"] in ("bag", "shoe")


def test_without_a_chat_template_a_checkpoint_is_refused(
    published_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(published_folder, folder, copy_function=lambda a, b: Path(b).symlink_to(a))
    (folder / "chat_template.json").unlink()
    with pytest.raises(UnfitError, match="chat template"):
        load_checkpoint(settings_of(folder))


def test_the_narrow_model_has_the_published_way_of_a_photo(published_folder: Path) -> None:
    narrow = json.loads((published_folder / "config.json").read_text())
    assert narrow.keys() == CONFIG_8B.keys()
    for part in ("text_config", "vision_config"):
        differ = {name for name, value in CONFIG_8B[part].items() if narrow[part][name] != value}
        assert differ <= {
            *("hidden_size", "intermediate_size", "out_hidden_size", "num_heads"),
            *("num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
        }


@pytest.mark.long
async def test_the_whole_of_check_gpu_runs_on_it(published: Model) -> None:
    """With a GPU it is run for the first time by who has one."""
    scale = replace(CPU, exact=4, answer_tokens=4, photos=1, load=4, load_tokens=8)
    configs: list[object] = []

    def load(config: object, **_: object) -> Model:
        configs.append(config)
        return published

    figures = await check(scale, ["none", "int4"], load)
    assert configs == [CPU.exact_config, CPU.config, CPU.config]
    assert figures["token_exact"] == 1
    kept = verdicts(figures)
    limited = {f"{name} {figure}" for name, figures in LIMITS.items() for figure in figures}
    assert kept.keys() == {"token_exact", *limited}
    # A CPU's memory is not measured, and what is not measured does not pass.
    assert {name for name in kept if "peak" in name and not kept[name]} == {
        "none peak_gb",
        "int4 peak_gb",
    }
    assert figures["none"]["tokens_per_s"] > 0 < figures["int4"]["token_ms"]


def test_a_figure_beyond_its_limit_fails() -> None:
    limits = LIMITS["none"]
    assert all(verdicts({"token_exact": 1.0, "none": dict(limits)}).values())
    for name, limit in limits.items():
        worse = limit * (0.9 if name.endswith("per_s") else 1.1)
        kept = verdicts({"token_exact": 1.0, "none": {**limits, name: worse}})
        assert [each for each, passed in kept.items() if not passed] == [f"none {name}"]
    assert not verdicts({"token_exact": 0.99})["token_exact"]
