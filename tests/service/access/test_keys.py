"""Keys in the database: in force at every gateway without a restart, and while SQL is away."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, create_engine, select, text

from contract.turns import MAX_INSTRUCTION_CHARS
from gateway.access.key_table import create_key, list_keys, revoke_key, rotate_key
from gateway.access.limit_table import read_overrides, set_limits
from gateway.identity.keys import hash_key
from gateway.identity.scopes import SCOPES, USUAL
from gateway.log.schema.access_tables import key_audit
from gateway.prompt import SYSTEM
from tests.support.asking import chat, photo, post, text_of
from tests.support.cards import card_tokens
from tests.support.command_line import shopsight
from tests.support.migrating import migrate
from tests.support.servers import gateway_process, wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]


@pytest.fixture
def keys(engine: Engine, database_url: str) -> Engine:
    migrate(database_url)
    return engine


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def status(gateway: str, key: str) -> int:
    return httpx.get(f"{gateway}/v1/models", headers=bearer(key)).status_code


def test_made_revoked_and_rotated_keys_are_in_force_at_every_gateway_without_a_restart(
    start_gateway: Start, stub: StubReplica, keys: Engine, database_url: str
) -> None:
    first = create_key(keys, "acme", USUAL, None)
    settings = {"replicas": stub.url, "database_url": database_url}
    gateways = [start_gateway(**settings) for _ in range(2)]

    def everywhere(key: str, expected: int) -> bool:
        return all(status(gateway, key) == expected for gateway in gateways)

    assert everywhere(first.key, 200), "keys are read before the first request"
    made = create_key(keys, "acme", USUAL, None)
    wait_until("the new key", lambda: everywhere(made.key, 200))
    revoke_key(keys, made.id)
    wait_until("the revoked key", lambda: everywhere(made.key, 401))
    revoke_key(keys, made.id)  # once more: nothing to do
    rotated = rotate_key(keys, first.id, timedelta(days=1))
    wait_until("the one that takes its place", lambda: everywhere(rotated.key, 200))
    assert everywhere(first.key, 200), "within the grace period"
    last = rotate_key(keys, rotated.id, timedelta(0))
    wait_until("no grace", lambda: everywhere(rotated.key, 401))
    assert text_of(post(gateways[0], chat("真皮吗?"), **bearer(last.key)))
    assert [row.tenant for row in list_keys(keys)] == ["acme"] * 4
    assert list_keys(keys, "rival") == []


def test_a_key_is_rotated_once_so_that_the_next_does_not_end_with_its_grace(keys: Engine) -> None:
    """Whose first output was lost rotates once more: that key would have died within a day."""
    first = create_key(keys, "acme", USUAL, None)
    lost = rotate_key(keys, first.id, timedelta(days=1))
    with pytest.raises(ValueError, match=f"into {lost.id} already"):
        rotate_key(keys, first.id, timedelta(days=1))
    rotate_key(keys, lost.id, timedelta(0))
    revoke_key(keys, lost.id)
    with pytest.raises(ValueError, match="that one is gone"):
        rotate_key(keys, first.id, timedelta(days=1))
    ends = [row.expires_at is None for row in list_keys(keys)]
    assert ends == [False, False, True]


def test_a_rotated_key_has_the_limits_of_the_one_before(keys: Engine) -> None:
    first = create_key(keys, "acme", USUAL, None)
    set_limits(keys, f"key:{first.id}", {"tokens_per_day": 1e6, "burst": 5, "weight": 2})
    set_limits(keys, f"key:{first.id}", {"weight": None})
    made = rotate_key(keys, first.id, timedelta(days=1))
    with keys.connect() as connection:
        found = read_overrides(connection)
    assert (
        found[f"key:{made.id}"] == found[f"key:{first.id}"] == {"tokens_per_day": 1e6, "burst": 5}
    )


def test_a_key_of_a_line_is_told_how_it_ends(keys: Engine, database_url: str) -> None:
    """The list shows it, and only the table's can be revoked and rotated."""
    line = {"DATABASE_URL": database_url, "API_KEYS": f"acme {hash_key('key-1')}"}
    for command in ("revoke", "rotate"):
        refused = shopsight("keys", command, hash_key("key-1")[:12], **line)
        assert refused.returncode == 1
        assert "take it out" in refused.stderr
    unknown = shopsight("keys", "revoke", "0" * 12, **line)
    assert "No key in force has this id" in unknown.stderr


def test_an_expired_key_is_refused_though_nobody_changes_it(
    start_gateway: Start, stub: StubReplica, keys: Engine, database_url: str
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    made = create_key(keys, "acme", USUAL, soon)
    gateway = start_gateway(replicas=stub.url, database_url=database_url)
    wait_until("it has expired", lambda: status(gateway, made.key) == 401)
    assert datetime.now(UTC) >= soon


def test_keys_go_on_to_work_while_the_database_is_away_also_after_a_restart(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = create_engine(url)
    made = create_key(engine, "acme", USUAL, None)
    gateway = start_gateway(replicas=stub.url)
    assert status(gateway, made.key) == 200
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE api_keys RENAME TO away"))
    restarted = start_gateway(replicas=stub.url)
    for each in (gateway, restarted):
        assert status(each, made.key) == 200
        assert status(each, "sk-shopsight-wrong") == 401
    saved = (tmp_path / "spool" / "api-keys.json").read_text()
    assert made.key not in saved
    # Nowhere to look: whether the key is one, nobody can say.
    newcomer = start_gateway(replicas=stub.url, spool_dir=tmp_path / "another")
    answer = post(newcomer, chat("真皮吗?"), **bearer(made.key))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "keys_unavailable")
    assert answer.headers["retry-after"]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO api_keys"))
    wait_until("it has read them", lambda: status(newcomer, made.key) == 200)
    engine.dispose()


def test_a_key_itself_is_stored_nowhere(keys: Engine) -> None:
    made = create_key(keys, "acme", USUAL, None)
    rotated = rotate_key(keys, made.id, timedelta(hours=1))
    revoke_key(keys, rotated.id)
    (first, second), audits = list_keys(keys), _audits(keys)
    assert (first.key_hash, first.key_id) == (hash_key(made.key), hash_key(made.key)[:12])
    assert [entry.action for entry in audits] == ["key created", "key rotated", "key revoked"]
    assert [entry.subject for entry in audits] == [made.id, made.id, rotated.id]
    assert json.loads(audits[1].details)["into"] == second.key_id
    assert all(entry.actor and entry.tenant == "acme" for entry in audits)
    everything = repr([*list_keys(keys), *audits])
    assert made.key not in everything
    assert rotated.key not in everything


def _audits(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(key_audit).order_by(key_audit.c.audit_id)))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_key_does_what_its_scopes_name_and_is_told_which_one_it_lacks(
    start_gateway: Start, stub: StubReplica, tmp_path: Path, language: str
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = create_engine(url)
    of = {scope: create_key(engine, "acme", frozenset({scope}), None).key for scope in SCOPES}
    engine.dispose()
    gateway = start_gateway(replicas=stub.url, image_dir=tmp_path / "images")
    stub.tokens = card_tokens()
    tried: dict[str, Callable[[dict[str, str]], httpx.Response]] = {
        "ask": lambda h: post(gateway, chat("真皮吗?" if language == "zh" else "Leather?"), **h),
        "upload": lambda h: httpx.post(f"{gateway}/v1/images", content=photo(), headers=h),
        "vote": lambda h: httpx.post(
            f"{gateway}/v1/feedback",
            json={"interaction_id": "019a0000-0000-7000-8000-000000000000", "vote": "up"},
            headers=h,
        ),
        "erase": lambda h: httpx.delete(f"{gateway}/v1/users/u1/data", headers=h),
        "card": lambda h: httpx.post(
            f"{gateway}/v1/products/card", files={"photo": photo()}, headers=h
        ),
        "match": lambda h: httpx.post(
            f"{gateway}/v1/match", data={"text": "red"}, files={"photo": photo()}, headers=h
        ),
    }
    for scope, send in tried.items():
        for name, key in of.items():
            answer = send({**bearer(key), "accept-language": language})
            if name == scope:
                assert answer.status_code < 300, (scope, answer.text)
                continue
            assert answer.status_code == 403, (scope, name, answer.text)
            error = answer.json()["error"]
            assert (error["code"], error["type"]) == ("missing_scope", "permission_error")
            assert scope in error["message"]
            assert ("权限" in error["message"]) == (language == "zh")


def test_an_instruction_of_one_s_own_needs_the_scope_for_it(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = create_engine(url)
    plain = create_key(engine, "acme", USUAL, None).key
    trusted = create_key(engine, "acme", USUAL | {"system"}, None).key
    engine.dispose()
    gateway = start_gateway(replicas=stub.url)
    body = chat("真皮吗?")
    body["messages"].insert(0, {"role": "developer", "content": "Answer in verse."})
    assert text_of(post(gateway, body, **bearer(trusted)))
    sent = stub.calls[0]["messages"]
    assert [turn["role"] for turn in sent] == ["system", "system", "user"]
    assert sent[1]["content"] == "Answer in verse.", "behind ours"
    # The same body, which this tenant has sent before.
    refused = post(gateway, body, **bearer(plain))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")
    anonymous = post(gateway, body)
    assert (anonymous.status_code, anonymous.json()["error"]["code"]) == (400, "invalid_field")
    body["messages"][0]["content"] = "x" * 3_900
    answer = post(gateway, body, **bearer(trusted))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages.0.content")
    left = MAX_INSTRUCTION_CHARS - len(SYSTEM)
    for language, told in (("en", f"longer than {left:,} char"), ("zh", f"超过了 {left} 个字符")):
        body["messages"][1]["content"][-1]["text"] = "Leather?" if language == "en" else "真皮吗?"
        answer = post(gateway, body, **bearer(trusted), **{"accept-language": language})
        assert told in answer.json()["error"]["message"]
    body["messages"][0]["content"] = "x" * left
    assert text_of(post(gateway, body, **bearer(trusted)))


def test_the_command_makes_lists_rotates_and_revokes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    env = {"DATABASE_URL": url, "API_KEYS": f"boutique {hash_key('a key')}"}

    def keys(*arguments: str) -> Any:
        return shopsight("keys", *arguments, **env)

    made = keys("create", "acme", "--scopes", "ask,upload", "--expires", "30d")
    assert made.returncode == 0, made.stderr
    key_id, key = re.findall(r": +(\S+)", made.stdout)
    rotated = keys("rotate", key_id, "--grace", "1h")
    assert rotated.returncode == 0, rotated.stderr
    assert keys("revoke", key_id).returncode == 0
    listed = keys("list").stdout
    assert re.search(rf"{key_id} +acme +revoked .* ask,upload", listed)
    assert re.search(r"acme +in force +\d{4}-\d\d-\d\d .* ask,upload", listed)
    assert re.search(r"boutique +API_KEYS", listed)
    assert key not in listed
    line = keys("create", "--line", "boutique").stdout
    assert re.search(r"boutique [0-9a-f]{64}$", line, re.MULTILINE)
    for wrong in (["revoke", "nothing"], ["create", "public"], ["rotate", key_id]):
        failed = keys(*wrong)
        assert failed.returncode == 1
        assert failed.stderr.count("\n") == 1, failed.stderr
        assert "Traceback" not in failed.stderr


def test_a_line_that_cannot_be_read_stops_the_start_with_one_sentence(
    stub: StubReplica, tmp_path: Path
) -> None:
    secret = hash_key("secret")[:-1]
    with (
        pytest.raises(AssertionError) as caught,
        gateway_process(tmp_path, REPLICAS=stub.url, API_KEYS=f"acme {secret}"),
    ):
        pass
    log = (tmp_path / "gateway.log").read_text()
    assert "Line 1 of API_KEYS cannot be read: the second word is no SHA-256" in log
    assert secret[:8] not in log
    assert "Traceback" not in log
    assert secret[:8] not in str(caught.value)
