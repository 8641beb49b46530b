"""What of an answer under way others than its asker may be given. A text that names a person is
shared with nobody, so a piece is held back while it may become a part of such a text."""

from collections.abc import Callable
from dataclasses import dataclass

from contract.render import AnswerPiece
from contract.response import Delta, Finished, TokenLogprob

# Characters before a piece that are looked at with it: a word, and the number or id behind it.
REACH = 200


@dataclass(frozen=True)
class SharePolicy:
    personal: Callable[[str], bool]
    """Whether a text names a person."""
    settled: Callable[[str], int]
    """How much of the front of a growing text no text behind it can make personal."""


SHARE_ALL = SharePolicy(personal=lambda text: False, settled=len)


class NotSharedError(Exception):
    """The answer turned out to be its asker's alone: whoever else waits for it computes it."""


class Sharing:
    """One answer on its way to others."""

    def __init__(self, policy: SharePolicy) -> None:
        self._policy = policy
        self._text = ""
        self._shared = 0
        self._logprobs: tuple[TokenLogprob, ...] = ()
        self.withheld = False
        """From now on nothing of this answer is shared."""

    def add(self, piece: AnswerPiece) -> list[AnswerPiece]:
        """The pieces that others may be given now."""
        if self.withheld:
            return []
        if isinstance(piece, Finished):
            self.withheld = self._policy.personal(self._text)
            return [] if self.withheld else [*self._up_to(len(self._text)), piece]
        self._text += piece.text
        self._logprobs += piece.logprobs
        settled = self._policy.settled(self._text)
        beginning = max(0, self._shared - REACH)
        self.withheld = settled > self._shared and self._policy.personal(
            self._text[beginning:settled]
        )
        return [] if self.withheld else self._up_to(settled)

    def _up_to(self, end: int) -> list[AnswerPiece]:
        """Log-probabilities wait for the last character: they spell the text, too."""
        text = self._text[self._shared : end]
        self._shared = max(self._shared, end)
        logprobs: tuple[TokenLogprob, ...] = ()
        if self._shared == len(self._text):
            logprobs, self._logprobs = self._logprobs, ()
        return [Delta(text, logprobs)] if text or logprobs else []
