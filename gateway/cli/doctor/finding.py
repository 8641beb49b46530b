"""What doctor found out about one thing, and how that is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum


class Grade(Enum):
    OK = "ok"
    WARN = "warn"  # works, but not as it should
    FAIL = "fail"
    SKIP = "skip"  # there is nothing to examine here


# Colours of a terminal: green, yellow, red, grey.
_COLOURS = {Grade.OK: 32, Grade.WARN: 33, Grade.FAIL: 31, Grade.SKIP: 90}
_WIDTH = max(len(state.value) for state in Grade)
_NAME_WIDTH = 10


@dataclass(frozen=True)
class Finding:
    check: str
    state: Grade
    message: str
    """What is so, or what is wrong. Without secrets, in one line."""
    advice: str = ""
    """What to do about it."""

    def fields(self) -> dict[str, str]:
        return {
            "check": self.check,
            "state": self.state.value,
            "message": self.message,
            "advice": self.advice,
        }


def failed(findings: Iterable[Finding]) -> bool:
    return any(finding.state is Grade.FAIL for finding in findings)


def report(findings: Sequence[Finding], colour: bool = False) -> str:
    """One line each, and a last one with the sum."""
    lines = [_line(finding, colour) for finding in findings]
    wrong = sum(finding.state is Grade.FAIL for finding in findings)
    warnings = sum(finding.state is Grade.WARN for finding in findings)
    return "\n".join([*lines, "", f"{_count(wrong, 'problem')}, {_count(warnings, 'warning')}."])


def _line(finding: Finding, colour: bool) -> str:
    state = finding.state.value.ljust(_WIDTH)
    if colour:
        state = f"\x1b[{_COLOURS[finding.state]}m{state}\x1b[0m"
    text = " ".join(finding.message.split())
    advice = f" → {finding.advice}" if finding.advice else ""
    return f"{state}  {finding.check:<{_NAME_WIDTH}}  {text}{advice}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
