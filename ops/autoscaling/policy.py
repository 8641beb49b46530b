"""How many replicas there should be, from what alerts say and what there is. It does no I/O."""

import math
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

Direction = Literal["out", "in"]
Action = Literal["out", "in", "hold"]
Reason = Literal[
    "waiting", "idle", "minimum", "maximum", "cooldown", "starting", "unready", "updating", "quiet"
]


@dataclass(frozen=True)
class Fleet:
    """The replicas of a service: how many the engine should run, and how many of them are ready."""

    wanted: int
    ready: int
    updating: bool = False
    """A rolling update is under way: its own replicas come and go."""


@dataclass(frozen=True)
class Bounds:
    minimum: int
    maximum: int
    step_out: int
    """Replicas that are added at once. One goes at a time."""
    out_cooldown_s: float
    """Since the last change, until more are added."""
    in_cooldown_s: float
    start_s: float
    """So long a replica may take to load its weights. Until then nothing more is decided."""


@dataclass(frozen=True)
class Decision:
    action: Action
    reason: Reason
    replicas: int
    """How many there should be from now on."""


def decide(
    bounds: Bounds,
    fleet: Fleet,
    firing: Set[Direction],
    since_change_s: float,
    since_failure_s: float = math.inf,
) -> Decision:
    """Out goes before in: a question that waits is worse than a replica without work. Silence is no
    reason to take one away, since silent monitoring is silent, too. What is missing to the minimum
    waits only after a change that failed: it would fail in each round."""

    def hold(reason: Reason) -> Decision:
        return Decision("hold", reason, fleet.wanted)

    if fleet.updating:
        return hold("updating")
    if fleet.wanted < bounds.minimum:
        if since_failure_s < bounds.out_cooldown_s:
            return hold("cooldown")
        return Decision("out", "minimum", bounds.minimum)
    if not firing:
        return hold("quiet")
    starting = fleet.ready < fleet.wanted
    if starting and since_change_s < bounds.start_s:
        return hold("starting")
    if "out" in firing:
        if fleet.wanted >= bounds.maximum:
            return hold("maximum")
        if since_change_s < bounds.out_cooldown_s:
            return hold("cooldown")
        return Decision("out", "waiting", min(bounds.maximum, fleet.wanted + bounds.step_out))
    if fleet.wanted <= bounds.minimum:
        return hold("minimum")
    if starting:  # the one that goes might be one of those that answer
        return hold("unready")
    if since_change_s < bounds.in_cooldown_s:
        return hold("cooldown")
    return Decision("in", "idle", fleet.wanted - 1)
