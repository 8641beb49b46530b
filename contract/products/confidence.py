"""How sure a model was of each field that it wrote: from the probabilities of its tokens. Pure."""

import math
from collections.abc import Sequence
from itertools import accumulate

from contract.products.fields import written_fields
from contract.response import TokenLogprob


def field_probabilities(text: str, tokens: Sequence[TokenLogprob]) -> dict[str, float]:
    """Of each field of the JSON object in `text` that is spelt so far, the probability of its
    value: the product of those of the tokens that spell it, given all that stands before. Empty
    where the tokens spell another text, as when a link was taken out of it."""
    spelt = b"".join(token.data for token in tokens)
    if not text.encode().startswith(spelt):
        return {}
    ends = list(accumulate(len(token.data) for token in tokens))
    found = {}
    for field in written_fields(text):
        start = len(text[: field.start].encode())
        end = start + len(text[field.start : field.end].encode())
        if end > len(spelt):
            break
        logprobs = [
            token.logprob
            for token, stop in zip(tokens, ends, strict=True)
            if stop > start and stop - len(token.data) < end
        ]
        found[field.name] = math.exp(min(0.0, math.fsum(logprobs)))
    return found
