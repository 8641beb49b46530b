from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from contract.completion import CompletionRequest, Sampling, Turn
from contract.text.canonical import canonical, canonical_request
from gateway.cache.key import AnswerKey, answer_key, digest_of_attempt

texts = st.text(max_size=12)
keys = st.builds(
    AnswerKey,
    namespace=texts,
    revision=texts,
    prompt_version=texts,
    image=texts,
    question=texts,
    earlier_turns=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    sampling=st.lists(texts, max_size=3).map(tuple),
    attempt=st.integers(0, 2),
    photos=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
)


@given(keys, keys)
def test_distinct_fields_give_distinct_keys(one: AnswerKey, other: AnswerKey) -> None:
    assert (one == other) == (one.digest == other.digest)


@given(texts, texts, texts, texts)
def test_moving_text_between_fields_changes_the_key(a: str, b: str, c: str, d: str) -> None:
    base = AnswerKey("", "", "", a, b, ((c, d),), ())
    for other in (
        replace(base, image=a + b, question=""),
        replace(base, earlier_turns=((c + d, ""),)),
        replace(base, earlier_turns=((c, ""), (d, ""))),
        replace(base, earlier_turns=(), sampling=(c, d)),
    ):
        assert (other == base) == (other.digest == base.digest)


def test_every_field_is_part_of_the_digest() -> None:
    base = AnswerKey("n", "r", "p", "i", "q", (("user", "t"),), ("s",))
    for item in fields(AnswerKey):
        value = getattr(base, item.name)
        changed = "other" if isinstance(value, str) else (("x", "y"),)
        if item.name in ("sampling", "attempt"):
            changed = {"sampling": ("x",), "attempt": 1}[item.name]
        assert replace(base, **{item.name: changed}).digest != base.digest, item.name


def test_the_key_of_one_photo_is_the_one_of_before_there_could_be_several() -> None:
    key = AnswerKey("n", "r", "p", "i", "q", (("user", "t"),), ("s",))
    assert key.digest == "928f914e1887749e924558979d6eaad974c82c2bedfcff09bba8602f30523b12"


def test_who_has_only_a_digest_finds_those_of_later_attempts() -> None:
    base = AnswerKey("n", "r", "p", "i", "q", (), ())
    digests = [replace(base, attempt=attempt).digest for attempt in range(3)]
    assert len(set(digests)) == 3
    assert [digest_of_attempt(base.digest, attempt) for attempt in range(3)] == digests


def asked(question: str, **sampling: object) -> CompletionRequest:
    turns = (Turn("user", question),)
    return canonical_request(CompletionRequest(turns, None, Sampling(**sampling)))  # type: ignore[arg-type]


CHINESE_WAYS = ("这是真皮吗?", "这是真皮吗", "这是真皮吗？", " 这是真皮吗。。。")


@given(st.text(max_size=30), st.text(max_size=30))
def test_keys_are_equal_exactly_where_the_canonical_texts_are(one: str, other: str) -> None:
    keys = [answer_key(asked(text), "i", "r", "n").digest for text in (one, other)]
    assert (keys[0] == keys[1]) == (canonical(one) == canonical(other))


def test_ways_of_typing_the_same_question_share_a_key() -> None:
    ways = [
        "IS IT LEATHER?",
        "is it leather",
        " is  it\tleather ?",
        "Is it leather??!",
        "is it leather",
    ]
    assert len({answer_key(asked(way), "i", "r", "n").digest for way in ways}) == 1
    assert len({answer_key(asked(way), "i", "r", "n") for way in CHINESE_WAYS}) == 1


def test_other_questions_photos_revisions_tenants_and_samplings_do_not() -> None:
    digests = {
        answer_key(asked("is it leather"), "i", "r", "n").digest,
        answer_key(asked("is it not leather"), "i", "r", "n").digest,
        answer_key(asked("is it leather"), "i2", "r", "n").digest,
        answer_key(asked("is it leather"), "", "r", "n").digest,
        answer_key(asked("is it leather"), "i", "r2", "n").digest,
        answer_key(asked("is it leather"), "i", "r", "n2").digest,
        answer_key(asked("is it leather", max_tokens=9), "i", "r", "n").digest,
        answer_key(asked("is it leather", temperature=1.0, seed=1), "i", "r", "n").digest,
        answer_key(asked("is it leather", temperature=1.0, seed=2), "i", "r", "n").digest,
        answer_key(asked("is it leather", stop=("\n",)), "i", "r", "n").digest,
    }
    assert len(digests) == 10


def test_earlier_turns_are_part_of_the_question() -> None:
    alone = asked("and for men?")
    after = replace(alone, turns=(Turn("user", "hi"), Turn("assistant", "hello"), *alone.turns))
    assert answer_key(alone, "", "r", "n").digest != answer_key(after, "", "r", "n").digest
