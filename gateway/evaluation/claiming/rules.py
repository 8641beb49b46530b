"""The rules of a language, read from its two tables. Pure."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

ClaimName = Literal["price", "stock", "authenticity", "fibre", "size"]
Language = Literal["chinese", "english"]

_NAMED = re.compile(r"@([A-Z]+)")


@dataclass(frozen=True)
class Rules:
    """`claims`: what makes each. `doubt`: in a clause with it nothing is stated. `negation`: is
    looked for at the end of what stands before a claim."""

    claims: dict[ClaimName, re.Pattern[str]]
    doubt: re.Pattern[str]
    negation: re.Pattern[str]


@cache
def rules_of(language: Language) -> Rules:
    words = _table(f"{language}_words")
    rules = _table(f"{language}_claims")

    def spelt(patterns: str | list[str]) -> str:
        """With its names replaced, and those of what stands for them."""
        text = patterns if isinstance(patterns, str) else f"(?:{'|'.join(patterns)})"
        return _NAMED.sub(lambda name: spelt(words[name[1]]), text)

    doubt = rules["doubt"]
    return Rules(
        {name: re.compile(spelt(patterns)) for name, patterns in rules["claims"].items()},
        re.compile(doubt["around"] + spelt(doubt["any"]) + doubt["around"]),
        re.compile(spelt(doubt["negation"])),
    )


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text("utf-8"))
