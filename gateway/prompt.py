"""The system prompt before every question. Its version is part of the cache key."""

from dataclasses import replace

from contract.completion import CompletionRequest, Turn

PROMPT_VERSION = "2"
SYSTEM = (
    "You are a shopping assistant. Answer the shopper's question about the product photo in the "
    "language of the question, in one to three plain sentences. Name material, style, audience "
    "and occasion where they help. Tell what you see from what you assume: say so when a photo "
    "cannot show it (authenticity, exact size, price, stock). Do not invent brands."
)


def with_system_prompt(asked: CompletionRequest) -> CompletionRequest:
    """The request as a replica gets it. It always streams, so that the first piece comes early."""
    turns = (Turn("system", SYSTEM), *asked.turns)
    return replace(asked, turns=turns, stream=True, include_usage=True, user=None)
