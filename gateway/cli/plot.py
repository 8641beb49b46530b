"""Small plots for a terminal, of block characters."""

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def sparkline(values: Sequence[float]) -> str:
    """One character a value, as high as it is beside the largest; nothing at all is a dot."""
    highest = max(values, default=0)
    return "".join(
        _LEVELS[min(7, int(value / highest * 8))] if value > 0 else "·" for value in values
    )


def bar(value: float, largest: float, width: int = 20) -> str:
    """To an eighth of a character; never longer than `width`."""
    eighths = round(value / largest * width * 8) if largest else 0
    whole, rest = divmod(max(eighths, 1 if value > 0 else 0), 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")
