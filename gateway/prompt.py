"""The instruction that stands before every shopper's question. Its version is in the cache key."""

from dataclasses import replace

from contract.completion import CompletionRequest, Turn

PROMPT_VERSION = "1"
SYSTEM = (
    "You are a shopping assistant. Answer the shopper's question about the product photo in the "
    "language of the question, in one to three plain sentences. Name material, style, audience "
    "and occasion where they help. Tell what you see from what you assume: say so when a photo "
    "cannot show it (authenticity, exact size, price, stock). Do not invent brands."
)


def instructed(asked: CompletionRequest) -> CompletionRequest:
    """The question as a replica gets it: always streamed, so that its first byte comes early."""
    turns = (Turn("system", SYSTEM), *asked.turns)
    return replace(asked, turns=turns, stream=True, include_usage=True, user=None)
