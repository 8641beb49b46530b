"""What a shopper writes is read while everybody else waits. So no text may cost much more than an
ordinary one of its length, and four times the text costs about four times as much."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from contract.completion import Turn
from contract.errors import ClientError
from contract.response import Delta
from contract.text.canonical import canonical, canonical_turns
from contract.text.control_tokens import CONTROL_TOKEN
from contract.text.language import preferred_language
from contract.turns import checked_text
from gateway.cache.sharing import Sharing
from gateway.evaluation.claims import claims_in
from gateway.images.remote.hosts import read_url
from gateway.log.client import client_of
from gateway.log.intents.intent import intent_of
from gateway.log.masking import SHARED, masked
from gateway.log.texts import not_visible
from gateway.moderation.classifier.classifier import Classifier
from gateway.moderation.classifier.features import features
from gateway.moderation.links import open_from, without_links
from gateway.moderation.reading.plain import plain, squeezed
from gateway.moderation.reading.sounds import sounds
from gateway.moderation.rules.contacts import contacts
from gateway.moderation.rules.ruleset import read_rules, rule_files
from gateway.moderation.stream import StreamScreen
from gateway.moderation.text import TextPolicy
from gateway.moderation.verdict import CATEGORIES

pytestmark = pytest.mark.long

# A quadratic step grows by 16 where a linear one does by 4.
MOST_GROWTH = 9
# By how much a text may cost more than an ordinary one.
MOST_COST = 25
# Less CPU than this is no matter, and too little to compare.
LEAST_S = 0.02
CHARS = 2_000
ORDINARY = (
    "这个包是真皮的吗？适合送给妈妈吗，多少钱？ 我的电话是13812345678，微信 abc_12345。"
    "Is it made of leather, and will it fit a 15-inch laptop? "
    "Please write to li.wei@example.com or see www.example.com! "
)

POLICY = TextPolicy.load()
# It stops at nothing that it finds, so all of a question is judged.
LENIENT = TextPolicy(
    replace(read_rules(rule_files(None)), actions=dict.fromkeys(CATEGORIES, "flag")), Classifier()
)


def _judged(text: str) -> None:
    POLICY.forget()
    POLICY.judge([text], "", "answer")


def _asked(text: str) -> None:
    LENIENT.forget()
    LENIENT.judge([text], "")


def _features(text: str) -> None:
    POLICY.forget()
    features(text, POLICY.matcher)


def _pieces(text: str) -> Iterator[Delta]:
    return (Delta(text[at : at + 64]) for at in range(0, len(text), 64))


def _screened(text: str) -> None:
    screen = StreamScreen(POLICY)
    for piece in _pieces(text):
        screen.push(piece)


def _shared(text: str) -> None:
    sharing = Sharing(SHARED)
    for piece in _pieces(text):
        sharing.add(piece)


def _checked(text: str) -> None:
    try:
        checked_text(text, "text", len(text))
        read_url(f"https://{text}")
    except ClientError:
        pass


STEPS: dict[str, Callable[[str], object]] = {
    "checked": _checked,
    "canonical": canonical,
    "turns": lambda text: canonical_turns((Turn("assistant", text), Turn("system", text))),
    "control tokens": CONTROL_TOKEN.search,
    "signs for letters": lambda text: plain(text).leet(),
    "sounds": lambda text: sounds(squeezed(plain(text))),
    "contacts": lambda text: list(contacts(plain(text).text)),
    "features": _features,
    "judged": _judged,
    "asked": _asked,
    "links": lambda text: (without_links(text), open_from(text)),
    "screened": _screened,
    "shared": _shared,
    "masked": masked,
    "intent": intent_of,
    "not visible": not_visible._in_words.__wrapped__,
    "claims": claims_in,
    "client": client_of,
    "languages": preferred_language,
}
REPEATED = (
    *("a", "A", "a1", "1", "①", "1 ", "0-", "1.", "1️⃣", "¥1", " ", "\n", ".", "a.", ". ", "!", "?"),
    *(
        "中",
        "是",
        "一",
        "二 ",
        "二1",
        "微信a",
        "加微信",
        "买大麻",
        "傻逼",
        "大麻纤维",
        "ａ",
        "а",
        "İ",
    ),
    *("@", "a@", "@a.", "＠", "at ", "a(at)", f"@{'点' * 252}", "#a。", "phone 1", "qq", "line:"),
    *("(", ")", "[", "![", "[[]()", "](", "<", "<|", "<a ", "[INST", "http://", "www.", "a@b.cn/"),
    *(
        "*",
        "a*",
        "p*rn ",
        "| ",
        "||",
        "s e x ",
        "fuck",
        "cannot ",
        "it is 1 ",
        "compatible;",
        "bot",
    ),
    *("\u200b", "\u200d", "👨\u200d", "\ufe0f", "❤\ufe0f", "\U000e0020", "\u180b", "\u200c\u0627"),
    *("中a1@", "中文 abc。12-", "Ωж中a", '"', "“", "、", "。", "xin", "e\u0301", "क", "-", "tg @"),
)
SHAPED: dict[str, Callable[[int], str]] = {
    "links in links": lambda n: "[" * (n // 5) + "x" + "](b)" * (n // 5),
    "pictures in pictures": lambda n: "h![](" * (n // 9) + ")ttp" * (n // 9),
    "tags in tags": lambda n: "<img" * (n // 5) + ">" * (n // 5),
    "a word with stars": lambda n: "a" + "*" * n + "b",
    "words with stars": lambda n: "".join(
        f"{_letter(at)}*{_letter(at // 26)} " for at in range(n // 4)
    ),
    "all words": lambda n: "".join(f"{_letter(at)}{_letter(at // 26)}1" for at in range(n // 3)),
    "all characters": lambda n: "".join(chr(0x4E00 + at * 7 % 20_000) for at in range(n)),
    "short sentences": lambda n: "".join(f"{chr(0x4E00 + at)};" for at in range(n // 2)),
    "a link cut off": lambda n: "https://" + "a" * n,
    "a word and its end": lambda n: "a" * n + "!" * 20,
    "words too far apart": lambda n: _too_far_apart(n),
}


def _too_far_apart(n: int) -> str:
    """Words of all three lists of a rule, never close enough: each goes with many others."""
    lists = ("see rub ", "she her ", "butt ass ")
    return _repeated("".join(words * 6 + "x" * 10 + " " for words in lists))(n)


def _repeated(unit: str) -> Callable[[int], str]:
    return lambda n: (unit * (n // len(unit) + 1))[:n]


TEXTS = {**{repr(unit): _repeated(unit) for unit in REPEATED}, **SHAPED}


def _letter(number: int) -> str:
    return chr(ord("a") + number % 26)


def cpu_s(step: Callable[[str], object], text: str, times: int = 1) -> float:
    """Of this thread: what else the machine does is not counted."""
    best = float("inf")
    for _ in range(times):
        begun = time.thread_time()
        step(text)
        best = min(best, time.thread_time() - begun)
    return best


@pytest.mark.parametrize("name", STEPS)
def test_no_text_costs_much_more_than_its_length(name: str) -> None:
    step = STEPS[name]
    step(ORDINARY)  # tables are read once
    ordinary = cpu_s(step, (ORDINARY * (4 * CHARS))[: 4 * CHARS], 3)
    bound = MOST_COST * max(ordinary, LEAST_S)
    for kind, text in TEXTS.items():
        long = cpu_s(step, text(4 * CHARS))
        if long < LEAST_S:
            continue
        short = cpu_s(step, text(CHARS), 3)
        if long > bound or long > MOST_GROWTH * short:
            long = cpu_s(step, text(4 * CHARS), 2)
        if long > MOST_GROWTH * short:  # a short text may end before a bound of ours does
            short, long = long, cpu_s(step, text(16 * CHARS), 2)
            bound *= 4
        assert long <= bound, (kind, long, ordinary)
        assert long <= MOST_GROWTH * short, (kind, long, short)


def test_words_too_far_apart_for_their_rule_cost_what_others_do() -> None:
    """All with all they took four times an ordinary text."""

    def found(text: str) -> None:
        POLICY.forget()
        assert not any(hit.rule.all for hit in POLICY.matcher.find(text))

    found(ORDINARY.split("？")[0])
    ordinary = cpu_s(found, _repeated("这个包是真皮的吗？ Is it made of leather? ")(4 * CHARS), 3)
    assert cpu_s(found, _too_far_apart(4 * CHARS), 3) < 2 * ordinary
