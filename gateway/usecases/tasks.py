"""What may be asked of a photo: a question, a card, a match. All of them go one way, `answer`. A
task says how the model is asked, and how its answer is read. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from contract.completion import CompletionRequest
from contract.errors import ReplicaFailed
from contract.products.answers import CardAnswer, MatchAnswer, card_answer, match_answer
from contract.products.calibration import NOT_CALIBRATED, Calibration
from contract.products.questions import card_request, match_request
from contract.response import Delta, Finished
from contract.text.canonical import canonical_request
from gateway.identity.scopes import ASK, CARD, MATCH
from gateway.prompt import (
    CARD_SYSTEM,
    CARD_VERSION,
    MATCH_SYSTEM,
    MATCH_VERSION,
    PROMPT_VERSION,
    SYSTEM,
)

ReadProduct = Callable[[Delta, Finished, Calibration], CardAnswer | MatchAnswer]


@dataclass(frozen=True)
class Task:
    scope: str
    """What a caller needs for it, and the kind of its interaction."""
    system: str
    """Our instruction before the question."""
    version: str
    """Of that instruction and of `request`: part of the answer cache's key."""
    request: Callable[[CompletionRequest], CompletionRequest]
    """What was typed → what the model is asked, and the key names."""
    read_product: ReadProduct | None = None
    """Of an answer that is data; None where it is a text. Raises ReplicaFailed for what is none."""

    @property
    def names(self) -> tuple[str, str]:
        """Scope and version, as the log has them."""
        return self.scope, self.version

    def usable(self, answer: Delta, end: Finished) -> bool:
        """Whether the next who asks may be given it."""
        if self.read_product is None:
            return bool(answer.text.strip())
        try:
            self.read_product(answer, end, NOT_CALIBRATED)
        except ReplicaFailed:
            return False
        return True


QUESTION = Task(ASK, SYSTEM, PROMPT_VERSION, canonical_request)
PRODUCT_CARD = Task(CARD, CARD_SYSTEM, CARD_VERSION, card_request, card_answer)
PHOTO_MATCH = Task(MATCH, MATCH_SYSTEM, MATCH_VERSION, match_request, match_answer)
