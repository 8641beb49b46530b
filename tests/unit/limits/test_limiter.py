"""Who is let through, and who pays for a computation."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from contract.render import AnswerPiece
from contract.response import Delta, Finished, Usage
from gateway.errors import QuotaExceeded
from gateway.identity.callers import Caller
from gateway.limits.accounts import Account, Accounts
from gateway.limits.daily import Days
from gateway.limits.leasing import Leasing
from gateway.limits.limiter import Limiter, OfDay
from gateway.limits.metrics import LimitMetrics
from gateway.limits.settings import LimitSettings

SHOPPER = Caller("public", session="s1", address="address:x")
PLENTY = "questions_per_s=1 burst=9 tokens_per_day=100 bytes_per_day=100"


def made(**limits: str) -> tuple[Limiter, Accounts]:
    accounts = Accounts(LimitSettings(**limits), lambda session: session, lambda _: None)
    days = Days(create_engine("sqlite://"), lambda: 1, accounts.begin_anew)
    return Limiter(accounts, Leasing(None), days, LimitMetrics(CollectorRegistry())), accounts


@pytest.mark.parametrize("spent", ["session", "address"])
@pytest.mark.parametrize("left", ["tokens_left", "bytes_left"])
async def test_a_day_that_is_used_up_counts_though_another_account_s_share_is_spent(
    spent: str, left: str
) -> None:
    limiter, accounts = made(session_limits=PLENTY, address_limits=PLENTY)
    session, address = accounts.of(SHOPPER)
    with_share, with_day = (session, address) if spent == "session" else (address, session)
    assert with_share.questions is not None
    with_share.questions.left = 0
    setattr(with_day, left, 0)
    with pytest.raises(QuotaExceeded):
        limiter.admit(SHOPPER, OfDay.TOKENS)
    setattr(with_day, left, 1)
    waiting = limiter.admit(SHOPPER, OfDay.TOKENS)
    assert waiting is not None
    await waiting


class Computing:
    """Pieces, of which an end has used seven tokens of the prompt and three of the answer."""

    def __init__(self, *pieces: AnswerPiece) -> None:
        self._pieces = pieces
        self.closed = False

    async def __call__(self) -> AsyncGenerator[AnswerPiece]:
        try:
            for piece in self._pieces:
                yield piece
        finally:
            self.closed = True


END = Finished("stop", Usage(7, 3))


@pytest.mark.parametrize(
    ("pieces", "heard", "paid"),
    [
        ([Delta("a"), Delta("b"), END], 3, 10),
        ([Delta("a"), Delta("b"), END], 2, 2),  # it is cancelled midway
        ([Delta("a"), Delta("b")], 2, 2),  # the replica dies
        ([Delta("a"), Finished("stop")], 2, 1),  # a server that tells no usage
        ([], 0, 0),
    ],
)
@pytest.mark.parametrize("caller", [SHOPPER, Caller("acme", key="0123456789ab", batch=True)])
async def test_who_began_a_computation_pays_what_was_computed(
    caller: Caller, pieces: list[Any], heard: int, paid: int
) -> None:
    limiter, accounts = made(address_limits=PLENTY, session_limits=PLENTY, batch_limits=PLENTY)
    computing = Computing(*pieces)
    paying = limiter.paid(caller, computing())
    assert [await anext(paying) for _ in range(heard)] == pieces[:heard]
    await paying.aclose()
    of: tuple[Account, ...] = accounts.of(caller)
    assert [account.tokens_left for account in of] == [100 - paid] * len(of)
    assert computing.closed or not heard
