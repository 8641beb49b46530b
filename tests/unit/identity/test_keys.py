"""Lines of API_KEYS: one that cannot be read is named, and nothing of it is repeated."""

import math
from dataclasses import replace

import pytest

from gateway.identity.callers import Callers
from gateway.identity.keys import (
    ApiKey,
    KeyRing,
    UnreadableKeysError,
    hash_key,
    parse_api_keys,
)
from gateway.identity.scopes import USUAL, checked_scopes, checked_tenant, listed
from gateway.identity.settings import IdentitySettings

KEY = "sk-shopsight-" + "Kq7_" * 10 + "Kq7"  # no new one: tests are named by what is in it
HASH = hash_key(KEY)
OTHER = hash_key("another")


@pytest.mark.parametrize(
    "text",
    [
        f"acme {HASH}",
        f"  acme\t{HASH}  \r\n",
        f"\ufeffacme {HASH}",
        f"# a comment\n\nacme {HASH}  # and another",
        f"acme {HASH.upper()}",
        f"acme {HASH}\nacme {HASH}",
    ],
)
def test_a_line_names_a_tenant_and_a_hash(text: str) -> None:
    assert parse_api_keys(text) == [ApiKey(HASH, "acme", USUAL)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (HASH, "not `tenant"),
        ("acme", "not `tenant"),
        (f"acme {HASH} extra", "not `tenant"),
        (f"acme:{HASH}", "not `tenant"),
        (f"my shop {HASH}", "not `tenant"),
        (f"acme {HASH[:-1]}", "no SHA-256"),
        (f"acme {HASH}0", "no SHA-256"),
        (f"acme {HASH[:-1]}g", "no SHA-256"),
        (f"{HASH} acme", "no SHA-256"),
        (f"acme {KEY}", "key itself"),
        (f"{KEY} acme", "key itself"),
        (f"商店 {HASH}", "ASCII"),
        (f"acme\u3000{HASH}", "not `tenant"),
        (f"acme\u00a0x {HASH}", "ASCII"),
        (f"acme\u2028 {HASH}", "ASCII"),
        (f"{'a' * 65} {HASH}", "64 characters"),
        (f"public {HASH}", "reserved"),
        (f"Public {HASH}", "reserved"),
        (f"unknown {HASH}", "reserved"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_not_repeated(line: str, why: str) -> None:
    with pytest.raises(UnreadableKeysError, match=why) as caught:
        parse_api_keys(f"# one\nshop {OTHER}\n{line}\n")
    told = str(caught.value)
    assert told.startswith("Line 3 of API_KEYS cannot be read: ")
    for secret in (HASH, KEY, HASH[:8], KEY[-8:]):
        assert secret not in told


def test_one_key_for_two_tenants_is_a_mistake() -> None:
    with pytest.raises(UnreadableKeysError, match=r"Line 2.*another tenant"):
        parse_api_keys(f"acme {HASH}\nrival {HASH}")


def test_a_revoked_row_counts_more_than_a_line() -> None:
    ring = KeyRing(parse_api_keys(f"acme {HASH}"))
    assert ring.find(HASH)
    ring.replace([], [HASH])
    assert ring.find(HASH) is None
    assert ring.configured, "others' keys are still looked at"


def test_where_there_was_a_key_once_an_unknown_one_is_not_taken_for_a_shopper() -> None:
    ring = KeyRing()
    assert not ring.configured
    ring.replace([ApiKey(HASH, "acme", USUAL, 0.0)], [])
    assert ring.configured
    assert ring.find(OTHER) is None


def test_the_same_caller_stands_for_each_request_of_a_key() -> None:
    callers = Callers(IdentitySettings(api_keys=f"acme {HASH}"))  # type: ignore[call-arg]
    one, two = (callers.identify({"authorization": f"Bearer {KEY}"}, {}) for _ in range(2))
    assert one is two
    assert (one.tenant, one.key, one.scopes) == ("acme", HASH[:12], USUAL)


def test_scopes_are_read_and_listed_in_one_order() -> None:
    assert listed(checked_scopes(" vote, ask ,,")) == "ask,vote"
    for wrong in ("", ",", "ask,admin", "ASK"):
        with pytest.raises(ValueError, match="scopes are some of"):
            checked_scopes(wrong)


@pytest.mark.parametrize("name", ["", "a b", "a#b", "é", "PUBLIC", "Internal", "x" * 65, "a\n"])
def test_a_tenant_s_name_is_plain_and_not_reserved(name: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        checked_tenant(name)


def test_a_key_without_an_end_is_in_force_for_ever() -> None:
    assert ApiKey(HASH, "acme").expires_at == math.inf


def test_a_revoked_key_stays_refused_while_a_backup_of_before_is_loaded() -> None:
    """A dump loads `api_keys` first and the log behind it, which may take an hour."""
    ring, row = KeyRing(), ApiKey(HASH, "acme")
    rotated = ApiKey(OTHER, "acme", USUAL, 5.0)
    ring.replace([rotated], [HASH])
    ring.replace([], [])  # the tables are new, and empty
    assert ring.configured
    ring.replace([row, replace(rotated, expires_at=math.inf)], [])
    assert ring.find(HASH) is None
    assert ring.by_id(row.id) is None
    assert ring.find(OTHER) == rotated, "ends when it did"
