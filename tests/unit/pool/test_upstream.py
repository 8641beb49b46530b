import json

import pytest
from pydantic import ValidationError

from contract.completion import CompletionRequest, Turn
from gateway.config import Settings
from gateway.log.schema.tables import interactions
from gateway.pool.addresses import replica_name
from gateway.pool.upstreams.dialects import Kind
from gateway.pool.upstreams.question import body_of
from gateway.pool.upstreams.salts import Salts
from gateway.pool.upstreams.upstream import Upstream


def test_a_replica_is_named_without_a_password_and_as_its_column_takes_it() -> None:
    assert replica_name("http://10.0.0.7:8080") == "10.0.0.7:8080"
    assert replica_name("https://user:secret@gpu.example/v2") == "gpu.example/v2"
    long = replica_name("http://模型.example:8080/" + 80 * "a")
    assert long.isascii()
    assert len(long) == interactions.c.replica.type.length


def test_a_kind_brings_what_its_server_needs_and_settings_go_before() -> None:
    plain = Upstream(url="http://a:1/")
    assert (plain.url, plain.probe_path, plain.field_names) == ("http://a:1", "/readyz", {})
    foreign = Upstream(url="http://a:1", kind="llama.cpp", health_path="/up", fields={"seed": None})
    assert foreign.probe_path == "/up"
    assert foreign.field_names == {"repetition_penalty": "repeat_penalty", "seed": None}


def test_tenants_names_are_for_our_own_replicas_only() -> None:
    private = {"x-cache-namespace": "shop", "x-image-digest": "ab", "x-attempt": "1"}
    headers = {"x-request-id": "1", **private}
    assert Upstream(url="http://a:1").visible_headers(headers) == headers
    assert Upstream(url="http://a:1", kind="vllm").visible_headers(headers) == {"x-request-id": "1"}
    hidden = Upstream(url="http://a:1", hidden_headers=frozenset({"x-request-id"}))
    assert "x-request-id" not in hidden.visible_headers(headers)


@pytest.mark.parametrize(("kind", "shopper", "batch"), [("vllm", 0, 1), ("sglang", 1, 0)])
def test_a_server_that_schedules_by_priority_is_told_what_can_wait(
    kind: Kind, shopper: int, batch: int
) -> None:
    """vLLM takes the lowest first, SGLang the highest."""
    asked = CompletionRequest((Turn("user", "what?"),), None)

    def body(upstream: Upstream, **headers: str) -> dict[str, object]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        parts = body_of(upstream, asked, "m", named, Salts("secret"))
        return dict(json.loads(b"".join(parts)))

    by_priority = Upstream(url="http://a:1", kind=kind, priorities=True)
    assert body(by_priority)["priority"] == shopper
    assert body(by_priority, x_priority="interactive")["priority"] == shopper
    assert body(by_priority, x_priority="batch")["priority"] == batch
    without = Upstream(url="http://a:1", kind=kind)
    assert "priority" not in body(without, x_priority="batch"), "it would refuse the question"


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "vllm:8000"},
        {"url": "http://a:1", "kind": "torchserve"},
        {"url": "http://a:1", "revision": "a b"},
        {"url": "http://a:1", "fields": {"top-k": None}},
        {"url": "http://a:1", "api_key": "two\nlines"},
        {"url": "http://a:1", "concurency": 3},
        {"url": "http://a:1", "kind": "llama.cpp", "priorities": True},
        {"url": "http://a:1", "priorities": True},
    ],
)
def test_a_mistake_in_the_settings_is_seen_at_the_start(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as error:
        Upstream.model_validate(fields)
    assert "two" not in str(error.value)


def test_settings_take_upstreams_and_weights_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UPSTREAMS", '[{"url": "http://v:8000", "kind": "vllm", "api_key": "k"}]')
    monkeypatch.setenv("REVISION_WEIGHTS", "Qwen/Qwen3-VL-8B=0.9, new=0.1")
    settings = Settings(_env_file=None)
    assert [upstream.kind for upstream in settings.all_upstreams] == ["vllm"]
    assert settings.revision_weights == {"Qwen/Qwen3-VL-8B": 0.9, "new": 0.1}
    assert "api_key='k'" not in repr(settings)
    monkeypatch.setenv("UPSTREAMS", "")
    monkeypatch.setenv("REVISION_WEIGHTS", "")
    settings = Settings(_env_file=None)
    assert [upstream.url for upstream in settings.all_upstreams] == ["http://127.0.0.1:8081"]
    assert settings.revision_weights == {}


@pytest.mark.parametrize("weights", ["old=-1", "old=0", "old", "old=x", "old=nan"])
def test_weights_that_make_no_sense_end_the_start(weights: str) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, revision_weights=weights)
