"""Drills with real replicas: what they say and how they end when they cannot go on."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from contract.http_protocol import HttpProtocol
from gateway.cli.embedded import free_port
from inference import __main__ as main
from inference.app import create_app
from inference.batching.watch import EXIT_STATUS, LAST_WORDS_S
from inference.config import Settings
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint
from tests.support import ROOT
from tests.support.asking import chat, events_of, post, text_of
from tests.support.servers import served, wait_until


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("tiny"), SHAPE_TINY)


@pytest.mark.long
def test_a_replica_whose_device_is_lost_says_so_ends_all_answers_and_ends(
    checkpoint: Path, tmp_path: Path
) -> None:
    broken, log = tmp_path / "broken", tmp_path / "replica.log"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {**os.environ, "CHECKPOINT": str(checkpoint), "INFERENCE_PORT": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.breaking_replica", str(broken)],
            cwd=ROOT,
            env={**env, "SLOTS": "2", "IMAGE_HELPERS": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until("replica", lambda: process.poll() is not None or ready(url) == 200, 60)
        assert process.poll() is None, log.read_text()
        answers: list[httpx.Response] = []

        def ask(stream: bool) -> None:
            # Random weights: it goes on and on.
            answers.append(post(url, chat("what?", max_tokens=3000, stream=stream)))

        # Two are answered, two wait.
        askers = [threading.Thread(target=ask, args=[n % 2 == 0]) for n in range(4)]
        for asker in askers:
            asker.start()
        wait_until(
            "all have come", lambda: 'inference_queue_depth{lane="interactive"} 2.0' in metrics(url)
        )
        broken.touch()
        began = time.monotonic()
        wait_until("it is not ready", lambda: ready(url) == 503, 5)
        assert time.monotonic() - began < 1
        for asker in askers:
            asker.join(5)
        assert time.monotonic() - began < 1
        # A stream that has begun has told 200.
        assert [code for _, code in map(told, answers)] == ["no_replica"] * 4
        assert {status for status, _ in map(told, answers)} <= {200, 503}
        assert post(url, chat("what?")).json()["error"]["code"] == "no_replica"
        assert process.wait(LAST_WORDS_S + 4) == EXIT_STATUS
    finally:
        process.kill()
        process.wait()
    last = json.loads(log.read_text().splitlines()[-1])
    assert "its engine has failed" in last["message"]


UNSPEAKABLE = "包"


@pytest.fixture(scope="module")
def checkpoint_with_a_hole(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One token's embedding is NaN, as in a damaged file. Whoever does not say it never knows."""
    folder = tmp_path_factory.mktemp("hole") / "model"
    shutil.copytree(checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = False
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    embedding = weights["model.language_model.embed_tokens.weight"]
    weights["lm_head.weight"] = embedding.clone()
    (token,) = AutoTokenizer.from_pretrained(folder).encode(UNSPEAKABLE)
    embedding[token] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_nan_is_told_as_502_and_counted(checkpoint_with_a_hole: Path) -> None:
    settings = Settings(_env_file=None, checkpoint=str(checkpoint_with_a_hole), image_helpers=1)
    with served(create_app(settings), http=HttpProtocol) as replica:
        for count in (1, 2):
            assert told(post(replica, chat(UNSPEAKABLE))) == (502, "replica_failed")
            assert f"inference_not_finite_total {count}.0" in metrics(replica)
        assert told(post(replica, chat(UNSPEAKABLE, stream=True))) == (502, "replica_failed")
        assert text_of(post(replica, chat("what?", max_tokens=5)))


def test_a_model_too_large_for_its_budget_does_not_start_and_says_why(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECKPOINT", str(checkpoint))
    monkeypatch.setenv("GPU_MEMORY_BYTES", "520000000")
    monkeypatch.setattr(main, "configure_logging", lambda level: None)  # it is pytest's here
    with pytest.raises(SystemExit) as ended:
        main.main()
    said = str(ended.value)
    assert "of KV cache for 1 slots of 1024 tokens" in said
    assert "GPU_MEMORY_BYTES allows 0.52 GB. That is too much." in said


def test_weights_of_which_nothing_is_a_number_do_not_start(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "nan"
    shutil.copytree(checkpoint, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.language_model.norm.weight"] *= torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    monkeypatch.setenv("CHECKPOINT", str(folder))
    monkeypatch.setenv("IMAGE_HELPERS", "1")
    monkeypatch.setattr(main, "configure_logging", lambda level: None)  # it is pytest's here
    with pytest.raises(SystemExit, match=r"The model computes no numbers: .* DTYPE"):
        main.main()


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("MAX_CONTEXT_TOKENS", "256", "more than a context of 256. Set MAX_IMAGE_TOKENS lower"),
        ("CHECKPOINT", "/no/such/folder", "CHECKPOINT=/no/such/folder cannot be loaded: "),
        ("QUEUE_LIMIT", "0", "QUEUE_LIMIT: Input should be greater than or equal to 1"),
    ],
)
def test_a_setting_that_cannot_work_ends_the_start_with_a_sentence(
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    setting: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv("CHECKPOINT", str(checkpoint))
    monkeypatch.setenv("INFERENCE_PORT", str(free_port()))
    monkeypatch.setenv(setting, value)
    monkeypatch.setattr(main, "configure_logging", lambda level: None)  # it is pytest's here
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert said in str(ended.value)
    assert "Traceback" not in caplog.text


def ready(url: str) -> int:
    try:
        return httpx.get(f"{url}/readyz").status_code
    except httpx.TransportError:
        return 0


def metrics(url: str) -> str:
    return httpx.get(f"{url}/metrics").text


def told(answer: httpx.Response) -> tuple[int, str]:
    """Status, and the code of the error, which is the last event of a stream."""
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    last = events_of(answer)[-1] if streamed else answer.json()
    return answer.status_code, last["error"]["code"]
