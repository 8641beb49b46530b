"""Reads rule files. A file of ops adds to those of the project, and may take phrases out."""

import hashlib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.moderation.verdict import Action, Category

SHIPPED = Path(__file__).parent
# Lists that detectors fill, not words: see `contacts`.
DETECTED = frozenset({"@account", "@phone", "@email", "@url"})
# Characters between the words of a combination, unless its rule says otherwise.
WITHIN = 12

Phrases = tuple[Annotated[str, Field(min_length=1, max_length=80)], ...]


class BadRules(Exception):
    """A rule file that cannot be used. The message names the file and the place."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """Either `phrases`, each of which is enough, or `all`: a word of each of these lists, with at
    most `within` characters between two of them, in any order; `ordered`: in that order."""

    category: Category
    phrases: Phrases = ()
    all: tuple[str, ...] = ()
    within: Annotated[int, Field(ge=0, le=60)] = WITHIN
    ordered: bool = False
    sound: bool = False
    """Also where the text only sounds like a phrase: homophones, pinyin."""
    action: Action | None = None
    """Instead of the category's."""
    on: tuple[Literal["question", "answer", "photo"], ...] = ("question", "answer", "photo")
    weighed: bool = False
    """No more than evidence for the classifier, where that judges a whole text."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Rule":
        if bool(self.phrases) == bool(self.all):
            raise ValueError("either phrases or all")
        return self


class _Harmless(_Strict):
    phrases: Phrases = ()
    alone: Phrases = ()
    """Harmless as a whole text, with nothing beside it but punctuation."""


class _File(_Strict):
    version: str
    lists: dict[str, Phrases] = {}
    weighed: bool = False
    """All rules of this file."""
    rules: tuple[Rule, ...] = ()
    harmless: _Harmless = _Harmless()
    without: Phrases = ()
    """Phrases of other files that do not count here."""
    actions: dict[Category, Action] = {}
    tenants: dict[str, dict[Category, Action]] = {}


class RuleFile(NamedTuple):
    name: str
    data: bytes


@dataclass(frozen=True)
class RuleSet:
    version: str
    """Of all files together: any change of any of them changes it."""
    lists: dict[str, frozenset[str]]
    rules: tuple[Rule, ...]
    harmless: frozenset[str]
    alone: frozenset[str] = frozenset()
    actions: dict[Category, Action] = field(default_factory=dict)
    tenants: dict[str, dict[Category, Action]] = field(default_factory=dict)

    def action(self, rule_action: Action | None, category: Category, tenant: str) -> Action:
        """A tenant's own word counts most, then the rule's."""
        own = self.tenants.get(tenant, {}).get(category)
        return own or rule_action or self.actions.get(category, "block")


def rule_files(extra: Path | None) -> list[Path]:
    """The project's, then those of ops, each by name."""
    folders = [SHIPPED] if extra is None else [SHIPPED, extra]
    return [path for folder in folders for path in sorted(folder.glob("*.toml"))]


def read_files(paths: Sequence[Path]) -> tuple[RuleFile, ...]:
    """Raises BadRules."""
    try:
        return tuple(RuleFile(path.name, path.read_bytes()) for path in paths)
    except OSError as error:
        raise BadRules(f"{Path(error.filename).name}: {error}") from None


def parse_rules(files: Sequence[RuleFile], more: bytes = b"") -> RuleSet:
    """`more`: what else decides, for the version. Raises BadRules."""
    digest = hashlib.sha256(more)
    parsed = []
    for name, data in files:
        try:
            parsed.append(_File.model_validate(tomllib.loads(data.decode())))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise BadRules(f"{name}: {place}: {first['msg']}") from None
        except ValueError as error:
            raise BadRules(f"{name}: {error}") from None
        digest.update(len(data).to_bytes(8) + data)
    return _joined(parsed, digest.hexdigest()[:12])


def read_rules(paths: Sequence[Path]) -> RuleSet:
    """Raises BadRules."""
    return parse_rules(read_files(paths))


def _joined(files: Iterable[_File], version: str) -> RuleSet:
    lists: dict[str, frozenset[str]] = {}
    rules: list[Rule] = []
    harmless: set[str] = set()
    alone: set[str] = set()
    without: set[str] = set()
    actions: dict[Category, Action] = {}
    tenants: dict[str, dict[Category, Action]] = {}
    for file in files:
        for name, phrases in file.lists.items():
            lists[name] = lists.get(name, frozenset()) | frozenset(phrases)
        rules += (
            [rule.model_copy(update={"weighed": True}) for rule in file.rules]
            if file.weighed
            else file.rules
        )
        harmless.update(file.harmless.phrases)
        alone.update(file.harmless.alone)
        without.update(file.without)
        actions.update(file.actions)
        for tenant, own in file.tenants.items():
            tenants[tenant] = {**tenants.get(tenant, {}), **own}
    unknown = {name for rule in rules for name in rule.all} - lists.keys() - DETECTED
    if unknown:
        raise BadRules(f"no such list: {', '.join(sorted(unknown))}")
    kept = [_without(rule, without) for rule in rules]
    return RuleSet(
        version,
        {name: phrases - without for name, phrases in lists.items()},
        tuple(rule for rule in kept if rule.phrases or rule.all),
        frozenset(harmless),
        frozenset(alone),
        actions,
        tenants,
    )


def _without(rule: Rule, phrases: set[str]) -> Rule:
    changes: dict[str, Any] = {"phrases": tuple(p for p in rule.phrases if p not in phrases)}
    return rule.model_copy(update=changes)
