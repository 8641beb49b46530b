"""What an answer claims though no photo shows it: a price, what is in stock, that something is
authentic, what exactly it consists of, its measures. By rules in Chinese and English. Pure.

A clause that says that it does not know ("I cannot tell whether it is genuine") claims nothing.
Rules err towards silence: a claim that is put in a new way may be missed, and own phrases in a set
catch it. `make claims-eval` says how many are found (docs/decisions/0199)."""

import re
import unicodedata

from gateway.evaluation.claiming.rules import ClaimName, Rules, rules_of

CLAIMS: tuple[ClaimName, ...] = ("price", "stock", "authenticity", "fibre", "size")
# What no photo shows at all. A measure may be written on a box, so `size` is asked for by name.
NEVER_SHOWN: tuple[ClaimName, ...] = ("price", "stock", "authenticity", "fibre")

# "It is not genuine leather" says what is to be seen, and "this is not 100 dollars" says nothing.
# "It is not authentic" is a claim as much as its opposite.
_NEGATED_IS_A_CLAIM = ("authenticity", "stock")
# A question claims nothing, though a model repeats it. It is looked for where a sentence begins:
# else each character of a long answer would be looked at from all before it.
_QUESTION = re.compile(r"(?:^|(?<=[。.!;\n?]))[^。.!;\n?]*\?")
# What is quoted is read from the photo, or is the shopper's word.
_QUOTED = re.compile(r"[“\"「『][^”\"」』\n]{0,80}[”\"」』]")
# "1,280" and "1.5" are one number. A colon behind few words ("Price: $40") names what follows.
_CLAUSES = re.compile(
    r"[。!?;\n、~…—–()]|,(?!\d{3}(?!\d))|(?<=[^\d])\.|\.(?=\s|$)| - "
    r"|(?<=[^:,;.\n]{20}):\s|(?<=[\u3400-\u9fff]{8}):"
    r"|\b(?:but|though|although|however|so|yet)\b|但是?|不过|所以|而且|可惜"
)
_CHINESE, _LATIN = re.compile("[、。\u3400-\u9fff]"), re.compile("[a-z]")
# English within a Chinese clause: a name or "XL" is no sentence.
_WORDS = re.compile(r"[a-z']+ [a-z']+ [a-z']+")
# What is longer is no clause of an answer. Rules take time by its square, so the rest is not read.
_CLAUSE_CHARS = 400


def claims_in(text: str) -> dict[ClaimName, str]:
    """The claims of an answer, each with the clause that makes it first."""
    found: dict[ClaimName, str] = {}
    said = _QUESTION.sub("\n", unicodedata.normalize("NFKC", text).replace("’", "'"))
    said = _QUOTED.sub("“”", said)
    in_chinese = _CHINESE.search(said) is not None
    for whole in _CLAUSES.split(said):
        clause = whole[:_CLAUSE_CHARS].strip()
        plain = clause.casefold()
        latin = _LATIN.search(plain) is not None
        # A clause without a letter ("68") is of the language around it.
        chinese = _CHINESE.search(plain) is not None or (in_chinese and not latin)
        rules = rules_of("chinese" if chinese else "english")
        # "It carries the words 保证真品" doubts in one language what is said in the other.
        if not clause or rules.doubt.search(plain):
            continue
        if chinese and latin and rules_of("english").doubt.search(plain):
            continue
        spoken = [rules, rules_of("english")] if chinese and _WORDS.search(plain) else [rules]
        for name in CLAIMS:
            if name not in found and any(_makes(plain, name, each) for each in spoken):
                found[name] = clause
    return found


def _makes(clause: str, name: ClaimName, rules: Rules) -> bool:
    """Whether the clause makes this claim, and not only in the negative."""
    return any(
        name in _NEGATED_IS_A_CLAIM or not rules.negation.search(clause[: claim.start()])
        for claim in rules.claims[name].finditer(clause)
    )
