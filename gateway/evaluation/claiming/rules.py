"""The rules of a language, read from its table. Pure."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

ClaimName = Literal["price", "stock", "authenticity", "fibre", "size"]
Language = Literal["english", "chinese"]

_NAMED = re.compile(r"@([A-Z]+)")


@dataclass(frozen=True)
class Rules:
    """`claims`: what makes each. `doubt`: in a clause, it states nothing. `negation`: before what
    it negates, so matched against the end of what stands there."""

    claims: dict[ClaimName, re.Pattern[str]]
    doubt: re.Pattern[str]
    negation: re.Pattern[str]


@cache
def rules_of(language: Language) -> Rules:
    table = tomllib.loads(Path(__file__).with_name(f"{language}.toml").read_text("utf-8"))
    words: dict[str, str] = table["words"]

    def full(pattern: str) -> str:
        while (named := _NAMED.search(pattern)) is not None:
            pattern = _NAMED.sub(lambda found: words[found[1]], pattern)
        return pattern

    def any_of(patterns: list[str]) -> re.Pattern[str]:
        return re.compile("|".join(map(full, patterns)))

    return Rules(
        {name: any_of(patterns) for name, patterns in table["rules"].items()},
        any_of(table["doubt"]["any"]),
        re.compile(full(table["doubt"]["negation"])),
    )
