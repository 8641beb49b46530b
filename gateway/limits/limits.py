"""The limits of one account, and how people write them. Pure."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

UNLIMITED = "unlimited"


@dataclass(frozen=True)
class Limits:
    """Of a tenant, a key, an address or a session. 0 lets nothing through."""

    questions_per_s: float = math.inf
    """Requests of every kind, in the long run."""
    burst: float = math.inf
    """Requests at once, after a pause."""
    tokens_per_day: float = math.inf
    """Of answers that were computed for it; cached ones are free."""
    bytes_per_day: float = math.inf
    """Of request bodies."""
    recomputes_per_minute: float = math.inf
    """Requests that go past the answer cache by `cache-control`."""
    concurrency: float = math.inf
    """Questions at replicas at a time, over all gateways; never more than the share of PLACES."""
    weight: float = 1.0
    """Its share of the replicas where more is asked than they can answer."""
    stored_bytes: float = math.inf
    stored_photos: float = math.inf

    def changed(self, values: Mapping[str, float]) -> "Limits":
        return replace(self, **values) if values else self

    def finite(self) -> dict[str, float]:
        return {name: value for name, value in asdict(self).items() if value != math.inf}


NAMES = tuple(field.name for field in fields(Limits))


def read_limits(text: str) -> dict[str, float]:
    """`questions_per_s=5,burst=20`, separated by commas or spaces. Raises ValueError."""
    values: dict[str, float] = {}
    for item in text.replace(",", " ").split():
        name, _, value = item.partition("=")
        if name not in NAMES:
            raise ValueError(f"limits are: {', '.join(NAMES)}")
        values[name] = checked(name, math.inf if value == UNLIMITED else _number(value))
    return values


def checked(name: str, value: float) -> float:
    """Raises ValueError."""
    if math.isnan(value) or value < 0 or (name == "weight" and not 0 < value < math.inf):
        raise ValueError(f"{name} is a number from 0 on, or `{UNLIMITED}`; a weight is above 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"a limit is a number or `{UNLIMITED}`") from None


def shown(value: float) -> str:
    return UNLIMITED if value == math.inf else f"{value:,.10g}".replace(",", "_")
