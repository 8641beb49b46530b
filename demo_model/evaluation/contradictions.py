"""Answers that contradict themselves, or what was said before about the same photo."""

import re
from itertools import combinations

from demo_model.evaluation.scoring import agrees, first_sentence, stated

# Whom an audience includes, in its own words: nobody is told that it suits them and does not.
_INCLUDED = {
    "妈妈": "妈妈",
    "爸爸": "爸爸",
    "学生": "学生",
    "同事": "同事",
    "朋友": "朋友",
    "新婚夫妇": "新婚夫妻",
    "奶奶": "长辈",
    "爷爷": "长辈",
    "mum": "mothers",
    "dad": "fathers",
    "student": "students",
    "colleague": "colleagues",
    "friend": "friends",
    "newlyweds": "couples",
    "grandmother": "grandparents",
    "grandfather": "grandparents",
}
_NOT_FOR = re.compile(
    r"(?:送给|For (?:your|the) )(.*?)(?:的话，|, the ).*?(?:更适合|rather suits? )(.*?)"
    r"(?:，不太合适|, so not really)"
)
_PAIR = re.compile(r"([^，。：]+?)与([^，。：]+?)：(相符|不符)|([\w -]+?) and ([\w -]+?): (yes|no)")
_ATTRIBUTES = ("kind", "colour", "material", "pattern")


def contradicts_itself(answer: str, language: str, *, about_one: bool) -> bool:
    """`about_one`: the photo shows one product, of which nothing can have two values."""
    if answer.startswith(("You asked", "您问的是")):  # what the shopper said is no claim of its own
        return False
    if (found := _NOT_FOR.search(answer)) and any(
        person in found[1] and audience in found[2] for person, audience in _INCLUDED.items()
    ):
        return True
    pairs = [
        ((zh, other, verdict == "相符") if zh else (en.strip(), en_other.strip(), told == "yes"))
        for zh, other, verdict, en, en_other, told in _PAIR.findall(answer)
    ]
    if pairs:
        said = [_bare(one) == _bare(two) for one, two, _ in pairs]
        if said != [equal for *_, equal in pairs]:
            return True
        verdict = agrees(answer, "match")
        return verdict is not None and verdict is not all(said)
    if re.search("以外，没有看到|alone (?:is|are) shown|没有看到|no, I cannot see", answer):
        seen, _, denied = re.sub("以外|alone", "，", answer).partition("，")
        if language == "en":
            seen, _, denied = answer.partition(" I cannot see")
        kinds = stated(seen, "kind", language) & stated(denied, "kind", language)
        return bool(kinds)
    if not about_one or answer.startswith("{"):
        return False
    return any(len(stated(answer, name, language)) > 1 for name in ("kind", "colour", "pattern"))


def contradict_each_other(one: str, two: str, language: str) -> bool:
    """Two answers about the same photo of one product name different values of an attribute."""
    for attribute in _ATTRIBUTES:
        values = [stated(first_sentence(text), attribute, language) for text in (one, two)]
        if all(values) and any(not (first & second) for first, second in combinations(values, 2)):
            return True
    return False


def _bare(words: str) -> str:
    return words.strip().removeprefix("a ").removeprefix("an ").lower()
