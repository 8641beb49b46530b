"""The day's use, as SQL keeps it over a restart."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from gateway.identity.callers import Caller
from gateway.limits import daily
from gateway.limits.daily_table import Used, read_day
from gateway.limits.running import RunningLimits
from gateway.limits.settings import LimitSettings
from gateway.log.schema.access_tables import daily_use

SHOPPERS = [Caller("public", session=f"s{number}") for number in range(5)]


async def test_what_little_was_used_of_the_day_is_known_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily, "CHUNK", 2)
    engine = create_engine(f"sqlite:///{tmp_path / 'log.db'}")
    daily_use.create(engine)
    opened: Any = LimitSettings(), engine, None, str, CollectorRegistry()
    limits = RunningLimits.open(*opened)
    accounts = [limits.accounts.of(shopper)[0] for shopper in SHOPPERS]
    await limits._days._report()  # that they are there
    for shopper, account in zip(SHOPPERS, accounts, strict=True):
        limits.limiter.spend_bytes(shopper, 7)
        limits._days.spend(account, 3)
    await limits.close()
    used = read_day(engine, limits._days._day, ["s0", "s1", "s2", "s3", "s4"])
    assert used == {f"s{number}": Used(3, 7) for number in range(5)}


async def test_what_was_used_under_former_limits_is_told_with_what_is_used_since(
    tmp_path: Path,
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'log.db'}")
    daily_use.create(engine)
    opened: Any = LimitSettings(), engine, None, str, CollectorRegistry()
    limits = RunningLimits.open(*opened)
    caller, days = Caller("acme", batch=True), limits._days
    for tokens in (9.0, 90.0):
        limits.accounts.replace_overrides({"batch:acme": {"tokens_per_day": tokens}})
        days.spend(limits.accounts.of(caller)[0], 3)
    await days._report()
    assert read_day(engine, days._day, ["batch:acme"]) == {"batch:acme": Used(6, 0)}
    assert limits.accounts.of(caller)[0].tokens_left == 84
    await limits.close()
