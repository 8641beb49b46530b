"""`make moderation-eval`: how much of what is unwanted is found, by category, and how much that is
innocent is blocked. Of the sealed texts it prints figures only."""

import json
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo_model.language.questions import ask
from demo_model.pictures.facts import scene_of
from gateway.moderation.text import TextPolicy
from gateway.moderation.verdict import LEARNT
from tests.moderation_sets.injections import ask_all
from tests.moderation_sets.photos import judge_all

FOLDER = Path(__file__).parent
# A text is judged so often, and the quickest counts: the machine does other things meanwhile.
TIMES = 3
# What the demo model is taught to answer, about scenes of its own.
ANSWERS = range(6_000_000, 6_003_000)


@dataclass(frozen=True)
class Sample:
    category: str
    disguised: bool
    language: str
    text: str


@dataclass(frozen=True)
class Judged:
    sample: Sample
    found: str | None
    ms: float


@dataclass(frozen=True)
class Figures:
    """Shares, 0 to 1. `found`: blocked, whatever it is called; `named`: by the right category."""

    recall: dict[str, float]
    named: dict[str, float]
    recall_obfuscated: float
    benign_blocked: float
    precision: float
    p99_ms: float


def samples(name: str) -> list[Sample]:
    rows = (line.split("\t", 3) for line in (FOLDER / name).read_text().splitlines() if line)
    return [Sample(row[0], row[1] == "1", row[2], row[3]) for row in rows]


def judge(policy: TextPolicy, these: Iterable[Sample]) -> list[Judged]:
    judged = []
    for sample in these:
        times = []
        for _ in range(TIMES):
            policy.forget()
            began = time.perf_counter()
            verdict = policy.judge([sample.text], "anybody")
            times.append((time.perf_counter() - began) * 1000)
        found = verdict.category if verdict.blocked else None
        judged.append(Judged(sample, found, min(times)))
    return judged


def figures(judged: list[Judged]) -> Figures:
    unwanted = [each for each in judged if each.sample.category != "benign"]
    innocent = [each for each in judged if each.sample.category == "benign"]
    blocked = sum(each.found is not None for each in unwanted)
    alarms = sum(each.found is not None for each in innocent)
    return Figures(
        recall={name: _share(_of(unwanted, name)) for name in LEARNT},
        named={
            name: round(statistics.mean(each.found == name for each in _of(unwanted, name)), 4)
            for name in LEARNT
        },
        recall_obfuscated=_share([each for each in unwanted if each.sample.disguised]),
        benign_blocked=_share(innocent),
        precision=round(blocked / (blocked + alarms), 4),
        p99_ms=round(sorted(each.ms for each in judged)[int(len(judged) * 0.99)], 2),
    )


def _of(judged: list[Judged], category: str) -> list[Judged]:
    return [each for each in judged if each.sample.category == category]


def _share(judged: list[Judged]) -> float:
    return round(statistics.mean(each.found is not None for each in judged), 4)


def joined(policy: TextPolicy, these: list[Sample]) -> tuple[list[str], list[str]]:
    """Each unwanted text behind five innocent ones that pass alone, and as many of six innocent
    ones, the same each time."""
    draw = Random(1)
    passing = [
        each.text
        if each.text[-1] in "。！？；!?."
        else f"{each.text}{'.' if each.text.isascii() else '。'}"
        for each in these
        if each.category == "benign" and not policy.judge([each.text], "anybody").blocked
    ]
    unwanted = [each.text for each in these if each.category != "benign"]
    return (
        [" ".join([*draw.sample(passing, 5), text]) for text in unwanted],
        [" ".join(draw.sample(passing, 6)) for _ in unwanted],
    )


def blocked_of(policy: TextPolicy, texts: list[str]) -> float:
    return round(statistics.mean(policy.judge([each], "anybody").blocked for each in texts), 4)


def print_table(title: str, judged: list[Judged]) -> None:
    print(f"\n{title}: {len(judged)} texts")
    print(f"{'':10}{'texts':>7}{'blocked':>9}{'named':>8}{'plain':>8}{'disguised':>11}", end="")
    print(f"{'zh':>8}{'en':>8}")
    for name in (*LEARNT, "benign"):
        these = _of(judged, name)
        named = statistics.mean(each.found == name for each in these)
        parts = [
            [each for each in these if not each.sample.disguised],
            [each for each in these if each.sample.disguised],
            [each for each in these if each.sample.language == "zh"],
            [each for each in these if each.sample.language == "en"],
        ]
        shares = [f"{_share(part):.1%}" if part else "-" for part in parts]
        print(f"{name:10}{len(these):>7}{_share(these):>9.1%}{named:>8.1%}", end="")
        print(f"{shares[0]:>8}{shares[1]:>11}{shares[2]:>8}{shares[3]:>8}")


SETS = {
    "own": "written beside the rules",
    "sealed": "written without knowing the rules",
    "sealed_2": "written without knowing rules or texts",
    "sealed_3": "written like sealed_2, by another writer",
}
SEALED = [name for name in SETS if name.startswith("sealed")]
# Innocent texts that stand close to the line, 480 of 800: so its figures are its own.
HARD = "sealed_4"


def main() -> None:
    policy = TextPolicy.load()
    judged = {name: judge(policy, samples(f"{name}.tsv")) for name in SETS}
    for name, about in SETS.items():
        print_table(f"{name}, {about}", judged[name])
    hard = judge(policy, samples(f"{HARD}.tsv"))
    print_table(f"{HARD}, innocent texts close to the line, by a writer who knew nothing", hard)
    print()
    for name in SETS:
        print(f"{name:10}", figures(judged[name]))
    behind, innocent = (blocked_of(policy, texts) for texts in joined(policy, samples("own.tsv")))
    print(f"\nbehind five innocent texts: {behind:.1%} blocked; of six innocent: {innocent:.1%}")
    looked_at, blocked = judge_all(policy)
    print(f"\nphotos of goods: {looked_at} looked at, {blocked} blocked")
    answers = sorted({ask(Random(seed), scene_of(seed)).answer for seed in ANSWERS})
    taken_away = [answer for answer in answers if policy.judge([answer], "", "answer").blocked]
    print(f"answers of the demo model: {len(answers)}, {len(taken_away)} blocked")
    asked, answered, obeyed = ask_all()
    print(f"injection photos: {asked} asked, {answered} answered, {obeyed} obeyed")
    everything = figures([each for these in judged.values() for each in these])
    unseen = figures([each for name in SEALED for each in judged[name]])
    result = {
        "precision": everything.precision,
        "recall": min(everything.recall.values()),
        "recall_obfuscated": everything.recall_obfuscated,
        "benign_blocked": everything.benign_blocked,
        "p99_ms": everything.p99_ms,
        "sealed_precision": unseen.precision,
        "sealed_recall": min(unseen.recall.values()),
        "sealed_recall_obfuscated": unseen.recall_obfuscated,
        "sealed_benign_blocked": unseen.benign_blocked,
        "hard_recall": min(_share(_of(hard, name)) for name in LEARNT),
        "hard_benign_blocked": _share(_of(hard, "benign")),
        "joined_recall": behind,
        "joined_benign_blocked": innocent,
        "policy_version": policy.version,
        "answers": len(answers),
        "answers_blocked": len(taken_away),
        "photos": looked_at,
        "photos_blocked": blocked,
        "injection_photos": asked,
        "injection_obeyed": obeyed,
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
