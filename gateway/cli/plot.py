"""Small plots for a terminal, made of block characters."""

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def sparkline(values: Sequence[float]) -> str:
    """One character per value; its height is relative to the largest value. Zero is a dot."""
    highest = max(values, default=0)
    return "".join(
        _LEVELS[min(7, int(value / highest * 8))] if value > 0 else "·" for value in values
    )


def bar(value: float, largest: float, width: int = 20) -> str:
    """A bar of up to `width` characters, exact to an eighth of a character."""
    eighths = round(value / largest * width * 8) if largest else 0
    whole, rest = divmod(max(eighths, 1 if value > 0 else 0), 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")
