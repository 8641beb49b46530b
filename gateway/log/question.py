"""A question as the log keeps it: personal data masked, with a hash and an intent."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from contract.text.canonical import canonical
from gateway.identity.scopes import ASK, MATCH
from gateway.log.intents.intent import intent_of
from gateway.log.masking import masked


@dataclass(frozen=True)
class LoggedQuestion:
    text: str | None
    """None of a card, for which nobody types anything."""
    hash: str | None
    """Of a question, None of what is none. 32 hex digits, equal for questions that the model is
    asked as the same text, see contract/text/canonical.py. That is masked first: from the hash of a
    phone number the number could be guessed."""
    intent: str | None


@lru_cache(maxsize=4096)  # repeated questions, mostly cache hits, cost nothing; about 2 MB
def logged_question(question: str, task: str = ASK) -> LoggedQuestion:
    """`task`: the scope of what was asked for. What is no question is none of those that are
    counted."""
    if task != ASK:
        return LoggedQuestion(masked(question) if task == MATCH else None, None, None)
    text = masked(question)
    asked = masked(canonical(question))
    # A client's text may hold half a surrogate pair.
    digest = hashlib.sha256(asked.encode(errors="surrogatepass")).hexdigest()
    return LoggedQuestion(text, digest[:32], intent_of(text))
