"""A question as the log keeps it: personal data masked, with a hash and an intent."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from gateway.cache.key import normalised
from gateway.log.intent import intent_of
from gateway.log.masking import masked


@dataclass(frozen=True)
class LoggedQuestion:
    text: str
    hash: str
    """32 hex digits, equal for questions that differ in case, space or closing punctuation only. It
    is made from the masked text: from the hash of a phone number the number could be guessed."""
    intent: str


@lru_cache(maxsize=4096)  # repeated questions, mostly cache hits, cost nothing; about 2 MB
def logged_question(question: str) -> LoggedQuestion:
    text = masked(question)
    # A client's text may hold half a surrogate pair.
    digest = hashlib.sha256(normalised(text).encode(errors="surrogatepass")).hexdigest()
    return LoggedQuestion(text, digest[:32], intent_of(text))
