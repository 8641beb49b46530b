"""A canary is started, looked at, warmed, promoted and rolled back."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from gateway.canary.verdict import PROMOTE_AFTER
from gateway.usecases.canary.deciding import (
    DEFAULT_SHARE,
    WARM_PAIRS,
    WARM_S,
    Canarying,
    NewCanary,
)

Revision = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
# Whoever has the token says who it is: for the log, not for a right.
By = Annotated[str, Field(pattern=r"^[!-~]{1,48}$")]
MAX_REQUESTS = 10_000_000
MAX_PAIRS, MAX_WARM_S = 10_000, 3_600.0


class Decision(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: By = "unnamed"

    @property
    def actor(self) -> str:
        return f"ops:{self.by}"


class Evaluation(BaseModel):
    """What `shopsight evaluate` has found, for the log. One that was not passed is no start."""

    model_config = ConfigDict(extra="forbid")

    set_name: Annotated[str, Field(max_length=120)]
    set_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    lines: Annotated[int, Field(ge=1)]
    passed: bool
    figures: Annotated[dict[str, float], Field(max_length=100)]


class Start(Decision):
    candidate: Revision
    baseline: Revision | None = None
    share: Annotated[float, Field(gt=0, lt=1)] = DEFAULT_SHARE
    promote: bool = False
    promote_after: Annotated[int, Field(ge=1, le=MAX_REQUESTS)] = PROMOTE_AFTER
    evaluation: Evaluation | None = None


class Warm(Decision):
    pairs: Annotated[int, Field(ge=0, le=MAX_PAIRS)] = WARM_PAIRS
    seconds: Annotated[float, Field(gt=0, le=MAX_WARM_S)] = WARM_S


def add_canary(router: APIRouter, canarying: Callable[[], Canarying]) -> None:
    """Under the router's own check of the token."""

    @router.get("/canary")
    async def status() -> dict[str, Any]:
        return await canarying().status()

    @router.post("/canary")
    async def start(wanted: Start) -> dict[str, Any]:
        evaluation = wanted.evaluation.model_dump() if wanted.evaluation is not None else None
        new = NewCanary(
            candidate=wanted.candidate,
            baseline=wanted.baseline,
            share=wanted.share,
            promote=wanted.promote,
            promote_after=wanted.promote_after,
            evaluation=evaluation,
        )
        await canarying().start(new, wanted.actor)
        return await canarying().status()

    @router.post("/canary/warm")
    async def warm(wanted: Warm) -> dict[str, Any]:
        return (await canarying().warm(wanted.actor, wanted.pairs, wanted.seconds)).wire()

    @router.post("/canary/promote")
    async def promote(wanted: Warm) -> dict[str, Any]:
        report = await canarying().promote(wanted.actor, wanted.pairs, wanted.seconds)
        return {"warming": report.wire(), **await canarying().status()}

    @router.post("/canary/rollback")
    async def rollback(decision: Decision) -> dict[str, Any]:
        logged = await canarying().rollback(decision.actor)
        return {"logged": logged, **await canarying().status()}
