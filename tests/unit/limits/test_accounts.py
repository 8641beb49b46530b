"""Under which accounts a caller's requests are counted."""

from typing import Any

import pytest

from gateway.identity.callers import Caller
from gateway.limits import accounts as limits_accounts
from gateway.limits.accounts import Account, Accounts
from gateway.limits.settings import LimitSettings

KEY = "0123456789ab"


@pytest.fixture
def new() -> list[Account]:
    """Accounts that count days, as the ledger is told of them."""
    return []


@pytest.fixture
def accounts(new: list[Account]) -> Accounts:
    settings = LimitSettings(batch_limits="tokens_per_day=5e6 concurrency=3")
    return Accounts(settings, lambda session: f"session:{session}", new.append)


def names(accounts: Accounts, *told: Any, **more: Any) -> list[str]:
    return [account.name for account in accounts.of(Caller(*told, **more))]


def test_a_batch_is_counted_apart_from_its_tenant_s_live_questions(
    accounts: Accounts, new: list[Account]
) -> None:
    (batch,) = accounts.of(Caller("acme", key=KEY, batch=True))
    assert batch.name == "batch:acme"
    assert (batch.limits.tokens_per_day, batch.limits.concurrency) == (5e6, 3)
    assert batch.questions is None, "how many lines a second is the worker's matter"
    assert new == [batch]
    (live,) = accounts.of(Caller("acme", key=KEY))
    assert live.name == "tenant:acme"
    assert live is not batch


def test_all_keys_of_a_tenant_share_the_account_of_its_batches(accounts: Accounts) -> None:
    accounts.replace_overrides({f"key:{KEY}": {"questions_per_s": 1.0}})
    (first,) = accounts.of(Caller("acme", key=KEY, batch=True))
    (second,) = accounts.of(Caller("acme", key="another", batch=True))
    (other,) = accounts.of(Caller("bazaar", key=KEY, batch=True))
    assert first is second
    assert other.name == "batch:bazaar"
    assert names(accounts, "acme", key=KEY) == [f"key:{KEY}", "tenant:acme"]


def test_what_ops_set_for_batches_is_theirs_alone(accounts: Accounts) -> None:
    accounts.of(Caller("acme", batch=True))
    accounts.replace_overrides(
        {"batch:acme": {"tokens_per_day": 9.0}, "tenant:acme": {"tokens_per_day": 7.0}}
    )
    (batch,) = accounts.of(Caller("acme", key=KEY, batch=True))
    (live,) = accounts.of(Caller("acme", key=KEY))
    assert batch.limits.tokens_per_day == 9.0
    assert batch.limits.concurrency == 3, "what they did not set stays"
    assert live.limits.tokens_per_day == 7.0


def test_limits_that_are_told_again_leave_accounts_as_they_are(accounts: Accounts) -> None:
    """As at every change of any key."""
    accounts.replace_overrides({"batch:acme": {"tokens_per_day": 9.0}})
    before = accounts.of(Caller("acme", batch=True))
    accounts.replace_overrides({"batch:acme": {"tokens_per_day": 9.0}})
    assert accounts.of(Caller("acme", batch=True)) is before


def test_a_shopper_is_counted_by_session_and_address_and_a_new_one_by_address(
    accounts: Accounts,
) -> None:
    shopper: dict[str, Any] = {"session": "s1", "address": "address:x"}
    assert names(accounts, "public", **shopper) == ["session:s1", "address:x"]
    assert names(accounts, "public", **shopper, is_new=True) == ["address:x"]


def test_who_has_not_asked_for_longest_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = Accounts(LimitSettings(), lambda session: f"session:{session}", lambda _: None)
    monkeypatch.setattr(limits_accounts, "MAX_CALLERS", 2)

    def account(session: str) -> Account:
        return accounts.of(Caller("public", session=session, address="address:x"))[0]

    first, second = account("s1"), account("s2")
    assert account("s1") is first
    second.tokens_used = 1
    del second
    address = accounts.of(Caller("public", session="s3", address="address:x"))[1]
    assert account("s1") is first
    assert account("s2").tokens_used == 0
    assert accounts.of(Caller("public", address="address:x")) == (address,)
