"""Ways in which people write the digits of a number, and the check digits of numbers."""

from collections.abc import Callable
from random import Random

Writer = Callable[[Random, str], str]


def _table(characters: str) -> Writer:
    """The ten digits from 0 on, one character each."""
    table = {
        ord(digit): character for digit, character in zip("0123456789", characters, strict=True)
    }
    return lambda rng, number: number.translate(table)


def _chinese(rng: Random, number: str) -> str:
    zero, one = rng.choice("〇零○"), rng.choice("一一幺")
    digits = rng.choice([f"{zero}{one}二三四五六七八九", "零壹贰叁肆伍陆柒捌玖"])
    return _table(digits)(rng, number)


def _mixed(rng: Random, number: str) -> str:
    """Only some in Chinese, to slip past filters."""
    return "".join(_chinese(rng, digit) if rng.random() < 0.4 else digit for digit in number)


def _keycap(rng: Random, number: str) -> str:
    selector = rng.choice(["\ufe0f", "\ufe0f", ""])
    return "".join(f"{d}{selector}\u20e3" if d.isdigit() else d for d in number)


def _invisible(rng: Random, number: str) -> str:
    return "".join(digit + rng.choice(["", "\u200b", "\u200d", "\u00ad"]) for digit in number)


def _other(rng: Random, number: str) -> str:
    bases = (0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7F6, 0x0660, 0x06F0, 0x0966)
    base = rng.choice(bases)
    return "".join(chr(base + int(d)) if d.isdigit() else d for d in number)


WRITTEN: dict[str, Writer] = {
    "Chinese": _chinese,
    "mixed": _mixed,
    "emoji": _keycap,
    "circled": lambda rng, number: rng.choice(
        [_table("⓪①②③④⑤⑥⑦⑧⑨"), _table("⓿❶❷❸❹❺❻❼❽❾"), _table("🄋➀➁➂➃➄➅➆➇➈")]
    )(rng, number),
    "full-width": _table("０１２３４５６７８９"),
    "other": _other,
    "hidden": _invisible,
}


def luhn_digit(number: str) -> str:
    """ISO/IEC 7812: the digit that `number` must end with."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in number[::-2]]
    plain = [int(digit) for digit in number[-2::-2]]
    return str(-(sum(doubled) + sum(plain)) % 10)


def ean_digit(number: str) -> str:
    """Of a bar code of 8, 12 or 13 digits, without its last."""
    weighted = [int(digit) * (3, 1)[at % 2] for at, digit in enumerate(reversed(number))]
    return str(-sum(weighted) % 10)
