"""Screens questions and answers for listed phrases. Of a streamed answer it holds back only text in
which a phrase may have begun."""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ContentBlocked
from contract.response import Delta, TokenLogprob

RULES = Path(__file__).parent / "rules.toml"
# Invisible characters that hide phrases: soft hyphen, joiners, fillers, bidi, variation, tags.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
# Chinese has no spaces between words: such a space only hides a phrase.
_HAN_SPACE = re.compile("(?<=[\u3400-\u9fff]) | (?=[\u3400-\u9fff])")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class TextPolicy:
    version: str
    phrases: dict[str, str]
    """Folded phrase → category."""

    @classmethod
    def load(cls, path: Path = RULES) -> "TextPolicy":
        rules = tomllib.loads(path.read_text())
        categories: dict[str, list[str]] = rules["categories"]
        phrases = {fold(phrase): name for name, items in categories.items() for phrase in items}
        return cls(rules["version"], phrases)

    def category(self, text: str) -> str | None:
        """The category of the first phrase found in `text`."""
        folded = fold(text)
        return next((name for phrase, name in self.phrases.items() if phrase in folded), None)

    def check_question(self, texts: list[str], flags: list[str]) -> None:
        """Raises ContentBlocked, and adds the reason to `flags` for the log."""
        for text in texts:
            if (category := self.category(text)) is not None:
                flags.append(f"question:{category}")
                raise ContentBlocked


def fold(text: str) -> str:
    """The form in which phrases are matched: NFKC, case folded, no invisible characters, single
    spaces."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _HAN_SPACE.sub("", _SPACE.sub(" ", plain).strip())


class StreamScreen:
    """Screens one answer while it streams. It holds text back while a phrase may have begun in it,
    and the tokens' log-probabilities too, because they contain the text."""

    def __init__(self, policy: TextPolicy) -> None:
        self._policy = policy
        # Twice the longest phrase, because invisible characters may stand between its characters.
        self._window = 2 * max(map(len, policy.phrases), default=0)
        self._held = ""
        self._logprobs: tuple[TokenLogprob, ...] = ()
        self.blocked = False

    def push(self, piece: Delta) -> Delta | None:
        """What may be sent now; None when that is nothing, and always once `blocked`."""
        self._held += piece.text
        self._logprobs += piece.logprobs
        self.blocked = self.blocked or self._policy.category(self._held) is not None
        return None if self.blocked else self._release(self._possible_phrase_start())

    def flush(self) -> Delta | None:
        return None if self.blocked else self._release(len(self._held))

    def _release(self, length: int) -> Delta | None:
        text, self._held = self._held[:length], self._held[length:]
        logprobs: tuple[TokenLogprob, ...] = ()
        if not self._held:
            logprobs, self._logprobs = self._logprobs, ()
        return Delta(text, logprobs) if text or logprobs else None

    def _possible_phrase_start(self) -> int:
        """The first index of the held text at which a phrase may have begun; its length if none."""
        for start in range(max(0, len(self._held) - self._window), len(self._held)):
            tail = fold(self._held[start:])
            if tail and any(phrase.startswith(tail) for phrase in self._policy.phrases):
                return start
        return len(self._held)
