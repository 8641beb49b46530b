"""Screens one answer while it streams, with the rules of whole texts. It holds back only what may
be the beginning of something, and cuts between words. Pure."""

from dataclasses import replace

from contract.response import Delta, Finished, TokenLogprob
from gateway.moderation import links
from gateway.moderation.passages import AROUND, is_followed
from gateway.moderation.reading.plain import Plain, ends_sentence, is_han, plain, squeezed
from gateway.moderation.reading.sounds import sounds
from gateway.moderation.reading.words import CONTEXT, Words
from gateway.moderation.rules.combinations import Hit
from gateway.moderation.text import TextPolicy
from gateway.moderation.verdict import NOTHING, Verdict, stronger

# Characters already sent that are looked at with what follows: the longest combination has about
# 60, and what stands around it is judged with it.
BEHIND = 60 + AROUND
# More is not held back: a text without a space, or a model that writes nothing but beginnings.
MOST_HELD = 240
# Behind a Chinese term so many characters may still make another word of its end.
UNSETTLED_HAN = 3


class StreamScreen:
    """Logprobs wait for the last character of what they spell, because they contain it."""

    def __init__(self, policy: TextPolicy, tenant: str = "") -> None:
        self._policy = policy
        self._tenant = tenant
        self._sent = ""
        self._held = ""
        self._logprobs: tuple[TokenLogprob, ...] = ()
        self.verdict: Verdict = NOTHING

    @property
    def version(self) -> str:
        return self._policy.version

    @property
    def blocked(self) -> bool:
        return self.verdict.blocked

    @property
    def chars(self) -> int:
        return len(self._sent) + len(self._held)

    def push(self, piece: Delta) -> Delta | None:
        """What may be sent now; None when that is nothing, and always once `blocked`."""
        self._held += piece.text
        self._logprobs += piece.logprobs
        if self.blocked or (_within_word(self._held) and len(self._held) < MOST_HELD):
            return None
        # A link that still grows is taken out once it has ended, or is too long to wait for.
        length = len(self._held)
        self._strip(links.open_from(self._held) if length < MOST_HELD else length)
        behind = self._sent[-BEHIND:]
        read = plain(behind + self._held)
        # What begins before was judged before, with all that stands around it.
        first = AROUND if len(self._sent) > BEHIND else 0
        hits = [
            hit
            for hit in self._policy.matcher.hits(read)
            if hit.start >= first and self._policy.counts(hit, "answer")
        ]
        settled = [hit for hit in hits if not _unsettled(hit, read.text)]
        found = self._policy.by_hits(read.text, settled, self._tenant, "answer")
        self.verdict = stronger(self.verdict, found)
        if self.blocked:
            return None
        start = self._open_from(read, hits)
        place = read.places[start] if start < len(read.text) else len(behind) + len(self._held)
        least = min(place - len(behind), links.open_from(self._held))
        return self._release(max(least, len(self._held) - MOST_HELD))

    def flush(self) -> Delta | None:
        """The rest, once the answer is complete; then all of it is judged as a whole."""
        if self.blocked:
            return None
        self._strip(len(self._held))
        judged = self._policy.judge([self._sent + self._held], self._tenant, "answer")
        self.verdict = stronger(self.verdict, judged)
        return None if self.blocked else self._release(len(self._held))

    def filtered(self) -> Finished:
        """The end of a blocked answer."""
        return Finished("content_filter", moderation=self.verdict.category)

    def noted(self, end: Finished) -> Finished:
        """The end of an answer, with what was found in it and let pass."""
        label = self.verdict.label("answer")
        return replace(end, moderation=label.partition(":")[2]) if label else end

    def _strip(self, end: int) -> None:
        """Take links out of what is held; the log-probabilities would still spell them."""
        less = links.without_links(self._held[:end]) + self._held[end:]
        if less != self._held:
            self._held, self._logprobs = less, ()

    def _release(self, length: int) -> Delta | None:
        if length <= 0:
            return None
        text, self._held = self._held[:length], self._held[length:]
        self._sent += text
        logprobs: tuple[TokenLogprob, ...] = ()
        if not self._held:
            logprobs, self._logprobs = self._logprobs, ()
        return Delta(text, logprobs) if text or logprobs else None

    def _open_from(self, read: Plain, hits: list[Hit]) -> int:
        """The first place in the plain text at which something may have begun. Of a combination
        the last word is held back, not those before it."""
        matcher = self._policy.matcher
        starts = [hit.start for hit in hits if _unsettled(hit, read.text)]
        starts.append(len(read.text))
        whole = squeezed(read)
        behind = read.text[whole.places[-1] + 1 :] if whole.places else ""
        if ends_sentence(behind):
            return _word_start(read.text, min(starts), matcher.words)
        if (at := matcher.index.open_from(whole.text, whole.begins_word)) is not None:
            starts.append(whole.places[at])
        heard = sounds(whole)
        if (at := matcher.sound_index.open_from(heard.text, heard.may_begin)) is not None:
            starts.append(whole.places[heard.places[at]])
        return _word_start(read.text, min(starts), matcher.words)


def _within_word(text: str) -> bool:
    return text[-1:].isascii() and text[-1:].isalnum()


def _unsettled(hit: Hit, text: str) -> bool:
    """What follows may still make another word of the end, or show that it is innocent."""
    if hit.rule.weighed and not is_followed(text, hit.end):
        return True
    last = text[hit.end - 1]
    return hit.end > len(text) - (UNSETTLED_HAN if is_han(last) else 1)


def _word_start(text: str, at: int, words: Words) -> int:
    """The place, or the beginning of the word that it lies in."""
    if at >= len(text) and not text[-1:].isalnum():
        return at
    start = at
    if start < len(text) and is_han(text[start]) and start and is_han(text[start - 1]):
        first = start
        while first > max(0, start - CONTEXT) and is_han(text[first - 1]):
            first -= 1
        last = start
        while last < min(len(text), start + CONTEXT) and is_han(text[last]):
            last += 1
        for begin, end in words.split(text[first:last]):
            if first + begin < start < first + end:
                return first + begin
        return start
    while start > max(0, at - MOST_HELD) and _is_letter(text[start - 1]):
        start -= 1
    return start


def _is_letter(char: str) -> bool:
    return char.isalnum() and not is_han(char)
