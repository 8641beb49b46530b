"""What an answer claims though no photo shows it: a price, what is in stock, that something is
authentic, what exactly it consists of, its measures. By rules in Chinese and English. Pure.
"""

import re
import unicodedata

from gateway.evaluation.claiming.rules import ClaimName, rules_of

CLAIMS: tuple[ClaimName, ...] = ("price", "stock", "authenticity", "fibre", "size")
# What no photo shows at all. A measure may be written on a box, so `size` is asked for by name.
NEVER_SHOWN: tuple[ClaimName, ...] = ("price", "stock", "authenticity", "fibre")

# "It is not genuine leather" says what is to be seen, and "this is not 100 dollars" says nothing.
# "It is not authentic" is a claim as much as its opposite.
_NEGATED_IS_A_CLAIM = ("authenticity", "stock")
# A question claims nothing, though a model repeats it. It is looked for where a sentence begins:
# else each character of a long answer would be looked at from all before it.
_QUESTION = re.compile(r"(?:^|(?<=[。.!;\n?]))[^。.!;\n?]*\?")
_QUOTED = re.compile(r"[“\"「『][^”\"」』\n]{0,80}[”\"」』]")
_CLAUSES = re.compile(
    r"[。！？!?;；\n，、~…—–()]|,(?!\d{3}\b)|(?<=[^\d])\.|\.(?=\s|$)| - |(?<=[^:,;.\n]{20}):\s|(?<=[\u3400-\u9fff]{8}):"
    r"|\b(?:but|though|although|however|so|yet)\b|但是?|不过|所以|而且|可惜"
)
_HAN, _LATIN = re.compile("[、。\u3400-\u9fff]"), re.compile("[a-z]")
# What is longer is no clause of an answer. Rules take time by its square, so the rest is not read.
_CLAUSE_CHARS = 1_000


def claims_in(text: str) -> dict[ClaimName, str]:
    """The claims of an answer, each with the clause that makes it first."""
    found: dict[ClaimName, str] = {}
    said = _QUESTION.sub("\n", unicodedata.normalize("NFKC", text).replace("’", "'"))
    said = _QUOTED.sub("“”", said)
    for whole in _CLAUSES.split(said):
        clause = whole[:_CLAUSE_CHARS].strip()
        if not clause:
            continue
        plain = clause.casefold()
        written = _HAN.search(plain) or (_HAN.search(said) and not _LATIN.search(plain))
        rules = rules_of("chinese" if written else "english")
        if rules.doubt.search(plain):
            continue
        for name, rule in rules.claims.items():
            if name in found:
                continue
            for match in rule.finditer(plain):
                if name in _NEGATED_IS_A_CLAIM or not rules.negation.search(plain[: match.start()]):
                    found[name] = clause
                    break
    return found
