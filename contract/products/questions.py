"""How a model is asked for a card or a match: what an asker has typed → the one canonical request,
which the answer cache's key names. Pure."""

from dataclasses import replace

from contract.completion import CompletionRequest, Sampling, Turn
from contract.products.card import CARD_QUESTIONS, CARD_SCHEMA, MAX_CARD_TOKENS
from contract.products.match import LIKELIEST, canonical_match
from contract.text.canonical import canonical

# Of each token its own probability: the confidence of a field is made of them.
_CARD = Sampling(max_tokens=MAX_CARD_TOKENS, schema=CARD_SCHEMA, logprobs=True)
# The first token decides, so that a match costs one prefill.
_MATCH = Sampling(max_tokens=1, logprobs=True, top_logprobs=LIKELIEST)


def card_request(typed: CompletionRequest) -> CompletionRequest:
    text = canonical(CARD_QUESTIONS[_language(typed)])
    return replace(typed, turns=(Turn("user", text),), sampling=_CARD)


def match_request(typed: CompletionRequest) -> CompletionRequest:
    text = canonical_match(typed.question, _language(typed))
    return replace(typed, turns=(Turn("user", text),), sampling=_MATCH)


def _language(typed: CompletionRequest) -> str:
    return typed.language or "en"
