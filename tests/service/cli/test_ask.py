"""`shopsight ask` against gateways that want a key, refuse, or break off."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.demo_checkpoint import CAUTION, KNOWS
from gateway.identity.keys import hash_key, new_key
from tests.support.asking import rows
from tests.support.command_line import shopsight
from tests.support.stub_replica import StubReplica

StartGateway = Callable[..., str]


def ask(
    url: str, photo: Path, *arguments: str, question: str = "what?", **environment: str
) -> subprocess.CompletedProcess[str]:
    return shopsight("ask", str(photo), question, "--url", url, *arguments, **environment)


@pytest.fixture
def key() -> str:
    return new_key()


@pytest.fixture
def guarded(start_gateway: StartGateway, stub: StubReplica, key: str) -> str:
    """A gateway that answers whoever has a key."""
    return start_gateway(
        replicas=(stub.url,), anonymous="deny", api_keys=f"boutique {hash_key(key)}"
    )


def test_a_key_is_taken_from_the_command_or_from_the_environment(
    guarded: str, key: str, sample_photo: Path, tmp_path: Path
) -> None:
    named = ask(guarded, sample_photo, "--key", key, SHOPSIGHT_API_KEY="another")
    kept = ask(guarded, sample_photo, SHOPSIGHT_API_KEY=f"{key}\n")
    assert (named.returncode, kept.returncode) == (0, 0), named.stderr + kept.stderr
    assert {row["tenant"] for row in rows(f"sqlite:///{tmp_path / 'log.db'}")} == {"boutique"}


@pytest.mark.parametrize("given", ["", "sk-shopsight-wrong"])
def test_without_a_right_key_it_says_how_to_give_one(
    guarded: str, given: str, sample_photo: Path
) -> None:
    refused = ask(guarded, sample_photo, SHOPSIGHT_API_KEY=given)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[:2] == [
        "A valid API key is required.",
        "[invalid_api_key, status 401]",
    ]
    assert "SHOPSIGHT_API_KEY" in refused.stderr


def test_what_no_key_can_be_is_said_before_anybody_is_asked(sample_photo: Path) -> None:
    wrong = ask("http://127.0.0.1:9", sample_photo, "--key", "密钥")
    assert wrong.returncode == 2
    assert "characters" in wrong.stderr


def test_a_refusal_tells_its_code_and_what_to_do(
    start_gateway: StartGateway, stub: StubReplica, sample_photo: Path, tmp_path: Path
) -> None:
    url = start_gateway(replicas=(stub.url,))
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(sample_photo.read_bytes()[:2000])
    said = ask(url, damaged)
    assert said.returncode == 1
    assert "[image_undecodable, status 422, field photo]" in said.stderr
    assert "save it again" in said.stderr
    said = ask(url, sample_photo, question="x" * 2001)
    assert "[invalid_field, status 400, field question]" in said.stderr
    assert "2,000 characters" in said.stderr


def test_it_says_when_to_try_again(start_gateway: StartGateway, sample_photo: Path) -> None:
    nobody = ask(start_gateway(replicas=("http://127.0.0.1:9",)), sample_photo)
    assert nobody.returncode == 1
    assert "[no_replica, status 503]" in nobody.stderr
    assert re.search(r"Try again in \d+ s\.", nobody.stderr)


def test_an_answer_that_fails_half_way_ends_with_its_error(
    start_gateway: StartGateway, stub: StubReplica, sample_photo: Path
) -> None:
    stub.behaviour = "cut"
    said = ask(start_gateway(replicas=(stub.url,)), sample_photo)
    assert said.returncode == 1
    assert said.stdout.endswith("\n")  # the answer's beginning, on a line of its own
    assert "[replica_failed]" in said.stderr


def test_a_sign_that_ends_a_line_elsewhere_ends_none_of_an_answer(
    start_gateway: StartGateway, stub: StubReplica, sample_photo: Path
) -> None:
    stub.answer = "one\u2028two\x85three"
    said = ask(start_gateway(replicas=(stub.url,)), sample_photo)
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith(f"{stub.answer}\n")


def test_another_server_is_not_taken_for_ours(stub: StubReplica, sample_photo: Path) -> None:
    said = ask(stub.url, sample_photo)
    assert said.returncode == 1
    assert "404" in said.stderr
    assert "--url" in said.stderr


@pytest.mark.parametrize("demo", [True, False])
def test_who_asks_about_a_photo_of_their_own_learns_once_that_demo_weights_answer(
    start_gateway: StartGateway, stub: StubReplica, key: str, sample_photo: Path, demo: bool
) -> None:
    stub.demo = demo
    url = start_gateway(
        replicas=(stub.url,), anonymous="deny", api_keys=f"boutique {hash_key(key)}"
    )
    for cache in ("miss", "hit"):
        said = ask(url, sample_photo, SHOPSIGHT_API_KEY=key)
        assert said.returncode == 0, said.stderr
        assert said.stdout == "关于「What?」:好\n"
        assert f"[{cache}, " in said.stderr
        assert said.stderr.count(f"{KNOWS}\n{CAUTION}\n") == demo
