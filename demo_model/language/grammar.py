"""Phrasings composed by a grammar, so that there are millions of them instead of hundreds.

A file in `ways/` has rules and, under `[intent]`, the ways of asking for it:

    <tell> = tell me | let me know          a rule
    [colour]
    <tell> the (colour|shade) | ~what hue   two ways, the second held out

`(a|b)` and `(a/b)` are choices, `(a|b)?` one that may be left out. `{it}`, `{who}`, `{claim}`, …
are filled in by `questions`. An alternative that begins with `~` is never trained on: at the top
it is a branch of the grammar, within a choice or a rule a word.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

HERE = Path(__file__).parent / "ways"
_TOKEN = re.compile(r"[()|/]|<[a-z_]+>|[^()|/<]+")
ATTEMPTS = 200


@dataclass
class Choice:
    """Alternatives, each a sequence of texts, names of rules and choices."""

    alternatives: list[list["Node"]] = field(default_factory=list)
    held_out: list[bool] = field(default_factory=list)

    def add(self, sequence: list["Node"]) -> None:
        held_out = bool(sequence) and isinstance(sequence[0], str) and sequence[0].startswith("~")
        if held_out:
            sequence = [str(sequence[0])[1:], *sequence[1:]]
        self.alternatives.append(sequence)
        self.held_out.append(held_out)


@dataclass(frozen=True)
class Rule:
    name: str


Node = str | Rule | Choice


class Grammar:
    """The ways of one language."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, Choice] = {}
        self.intents: dict[str, Choice] = {}
        current: Choice | None = None
        for line in text.splitlines():
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("[") and line.endswith("]"):
                current = self.intents.setdefault(line[1:-1], Choice())
            elif found := re.match(r"<([a-z_]+)> =", line):
                self.rules[found[1]] = _parse(line[found.end() :], trim=True)
            elif current is not None:
                ways = _parse(line, trim=True)
                current.alternatives += ways.alternatives
                current.held_out += ways.held_out
        self._counts: dict[tuple[int, bool], int] = {}

    def phrasing(self, rng: Random, intent: str, *, held_out: bool = False) -> str:
        """A random phrasing. `held_out`: one with a branch or a word that training never has."""
        if not held_out:
            return self._written(rng, self.intents[intent], False)[0]
        for _ in range(ATTEMPTS):
            text, unseen = self._written(rng, self.intents[intent], True)
            if unseen:
                return text
        raise ValueError(intent)

    def branch(self, rng: Random, intent: str) -> str:
        """A phrasing of a branch that training never has."""
        ways = self.intents[intent]
        branches = [w for w, held in zip(ways.alternatives, ways.held_out, strict=True) if held]
        return self._sequence(rng, rng.choice(branches), False)[0]

    def has_branches(self, intent: str) -> bool:
        return any(self.intents[intent].held_out)

    def count(self, intent: str) -> int:
        """How many ways through the grammar training may take; the fields are not multiplied."""
        return self._count(self.intents[intent])

    def _written(self, rng: Random, choice: Choice, unseen_too: bool) -> tuple[str, bool]:
        usable = [
            index
            for index, held_out in enumerate(choice.held_out)
            for _ in range(3 if held_out else 1)  # the few held-out ones come up more often
            if unseen_too or not held_out
        ]
        index = rng.choice(usable)
        text, unseen = self._sequence(rng, choice.alternatives[index], unseen_too)
        return text, unseen or choice.held_out[index]

    def _sequence(self, rng: Random, nodes: list[Node], unseen_too: bool) -> tuple[str, bool]:
        parts, unseen = [], False
        for node in nodes:
            if isinstance(node, str):
                parts.append(node)
                continue
            inner = self.rules[node.name] if isinstance(node, Rule) else node
            text, held_out = self._written(rng, inner, unseen_too)
            parts.append(text)
            unseen = unseen or held_out
        return "".join(parts), unseen

    def _count(self, choice: Choice) -> int:
        total = 0
        for nodes, held_out in zip(choice.alternatives, choice.held_out, strict=True):
            ways = 0 if held_out else 1
            for node in nodes:
                if not isinstance(node, str):
                    ways *= self._count(self.rules[node.name] if isinstance(node, Rule) else node)
            total += ways
        return total


def _parse(text: str, *, trim: bool) -> Choice:
    tokens = _TOKEN.findall(text)
    choice, at = _choice(tokens, 0, top=True)
    if at != len(tokens):
        raise ValueError(text)
    if trim:
        choice.alternatives = [_trimmed(sequence) for sequence in choice.alternatives]
    return choice


def _trimmed(sequence: list[Node]) -> list[Node]:
    """Without the white space around it. Within choices white space counts."""
    nodes = list(sequence)
    if nodes and isinstance(nodes[0], str):
        nodes[0] = nodes[0].lstrip()
    if nodes and isinstance(nodes[-1], str):
        nodes[-1] = nodes[-1].rstrip()
    return nodes


def _choice(tokens: list[str], at: int, *, top: bool) -> tuple[Choice, int]:
    choice, sequence = Choice(), list[Node]()
    while at < len(tokens):
        token = tokens[at]
        if token == "(":  # noqa: S105 - not a password
            inner, at = _choice(tokens, at + 1, top=False)
            if at < len(tokens) and tokens[at].startswith("?"):
                inner.add([])
                tokens[at] = tokens[at][1:]
            sequence.append(inner)
            continue
        if token == ")" and not top:  # noqa: S105
            choice.add(sequence)
            return choice, at + 1
        if token == "|" or (token == "/" and not top):  # noqa: S105
            choice.add(_trimmed(sequence) if top else sequence)
            sequence = []
        elif token.startswith("<"):
            sequence.append(Rule(token[1:-1]))
        elif token:
            sequence.append(token)
        at += 1
    if not top:  # the bracket is never closed
        raise ValueError("".join(tokens))
    choice.add(_trimmed(sequence))
    return choice, at


def table(text: str) -> dict[str, list[str]]:
    """Phrasings by intent, from lines of `intent: one way | another way`, continued where indented.

    `{it}` becomes a reference to the product; `{who}`, `{thing}` and `{claim}` the detail asked
    about."""
    phrasings: dict[str, list[str]] = {}
    intent = ""
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            intent, _, line = line.partition(": ")
        ways = [way.strip() for way in line.split("|")]
        phrasings.setdefault(intent, []).extend(way for way in ways if way)
    return phrasings


@cache
def grammar(language: str) -> Grammar:
    """The grammar of `zh` or `en`."""
    return Grammar((HERE / f"{language}.txt").read_text(encoding="utf-8"))


@cache
def tasks(language: str) -> Grammar:
    """What is said about earlier turns and two products, and what clients instruct."""
    return Grammar((HERE / f"tasks_{language}.txt").read_text(encoding="utf-8"))
