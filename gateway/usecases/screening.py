"""What may be asked, shown and answered: puts the texts of a request before the policy, and notes
in the log what was found."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded, Overloaded
from contract.images import ImageFacts
from contract.response import Delta
from gateway.cache.answers import CachedAnswer
from gateway.errors import ContentBlocked
from gateway.log.interaction import Interaction
from gateway.moderation.errors import SelfHarm
from gateway.moderation.photos.policy import Photo, PhotoPolicy
from gateway.moderation.policies import TextPolicies
from gateway.moderation.stream import StreamScreen
from gateway.moderation.verdict import Verdict, stronger
from gateway.usecases.question import Question

# Characters that are read at once: 300 take 2 to 7 ms, and 8,000 a hundred. A thread reads what is
# longer, one text after the other: who asks something shorter waits for none of them.
SHORT_CHARS = 300
# Of questions that wait for the thread: it reads so many in 4 s.
MOST_CHARS_WAITING = 300_000

Read = TypeVar("Read")


class _ReadingThread:
    """A thread that reads texts, one after the other."""

    def __init__(self, name: str, most_chars: float = math.inf) -> None:
        self._thread = ThreadPoolExecutor(1, name)
        self._most_chars = most_chars
        self._chars = 0

    async def read(self, chars: int, read: Callable[[], Read], deadline: float) -> Read:
        """Raises Overloaded where too much waits; one text alone may have any length."""
        if self._chars and self._chars + chars > self._most_chars:
            raise Overloaded
        self._chars += chars
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await asyncio.get_running_loop().run_in_executor(self._thread, read)
        except TimeoutError:
            raise DeadlineExceeded from None
        finally:
            self._chars -= chars


@dataclass
class Screening:
    texts: TextPolicies
    photos: PhotoPolicy
    _questions: _ReadingThread = field(
        default_factory=lambda: _ReadingThread("moderation", MOST_CHARS_WAITING), repr=False
    )
    # Of their own: they have been computed already, and wait for nobody's question.
    _answers: _ReadingThread = field(default_factory=lambda: _ReadingThread("answers"), repr=False)

    @property
    def version(self) -> str:
        return self.texts.version

    async def question(
        self, question: Question, interaction: Interaction, deadline: float = math.inf
    ) -> None:
        """Raises ContentBlocked, Overloaded, DeadlineExceeded (`deadline` in time.monotonic
        seconds). What passed once is not read again under the same policy. A photo
        that has not been seen before is being looked at from now on: `photo_passed` waits for it.
        """
        known, policy = question.known, self.texts.current
        tenant = interaction.caller.tenant
        if known.screened_by != policy.version:
            texts, answers = texts_of(known.asked, known.canonical)
            chars = sum(map(len, (*texts, *answers)))

            def read() -> Verdict:
                asked = [turn.text for turn in known.asked.turns if turn.role == "user"]
                verdict = policy.judge(texts, tenant, said_together=asked)
                return stronger(verdict, policy.judge(answers, tenant, "answer"))

            known.verdict = await _in_turn(self._questions, chars, read, deadline)
            known.screened_by = policy.version
        refuse("question", known.verdict, interaction)
        for facts, photo in question.photos():
            self._refuse_listed(facts, interaction)
            verdict = self.photos.known(facts.digest, policy, tenant)
            if verdict is None:
                look = self.photos.look(facts.digest, photo, policy, tenant, deadline)
                question.looks.append(look)
            else:
                question.photo_verdict = stronger(question.photo_verdict, verdict)
                refuse("image", verdict, interaction)

    async def photo_passed(self, question: Question, interaction: Interaction) -> None:
        """Waits for the look at a photo. Raises ContentBlocked and what a look does."""
        if question.looks:
            refuse("image", await question.verdict_on_photo(), interaction)

    async def upload(
        self, facts: ImageFacts, photo: Photo, interaction: Interaction, deadline: float
    ) -> None:
        """Raises ContentBlocked and what a look does."""
        self._refuse_listed(facts, interaction)
        refuse("image", await self.photo_verdict(facts, photo, interaction, deadline), interaction)

    def _refuse_listed(self, facts: ImageFacts, interaction: Interaction) -> None:
        if self.photos.is_listed(facts.digest):
            interaction.flags.append("image:listed")
            raise ContentBlocked

    async def judge(self, texts: Sequence[str], tenant: str, deadline: float = math.inf) -> Verdict:
        """Raises Overloaded, DeadlineExceeded."""
        read = partial(self.texts.current.judge, texts, tenant)
        return await _in_turn(self._questions, sum(map(len, texts)), read, deadline)

    async def rest(self, screen: StreamScreen, deadline: float) -> Delta | None:
        """What remains of an answer that is complete; None once it is blocked. Raises
        DeadlineExceeded."""
        return await _in_turn(self._answers, screen.chars, screen.flush, deadline)

    async def photo_verdict(
        self, facts: ImageFacts, photo: Photo, interaction: Interaction, deadline: float
    ) -> Verdict:
        if self.photos.is_listed(facts.digest):
            return Verdict("block", "illegal", (("illegal", 1.0),))
        tenant = interaction.caller.tenant
        return await self.photos.judge(facts.digest, photo, self.texts.current, tenant, deadline)

    def text_passes(self, text: str, interaction: Interaction) -> bool:
        """Of what somebody writes beside a question. Notes what was found."""
        verdict = self.texts.current.judge([text], interaction.caller.tenant)
        note("text", verdict, interaction)
        return not verdict.blocked

    def stream(self, tenant: str) -> StreamScreen:
        return StreamScreen(self.texts.current, tenant)

    def allows(self, cached: CachedAnswer, tenant: str) -> bool:
        """An answer of an older policy is screened again before it is given out."""
        policy = self.texts.current
        return (
            cached.policy_version == policy.version
            or policy.judge([cached.answer.text], tenant, "answer").shareable
        )


async def _in_turn(
    reader: _ReadingThread, chars: int, read: Callable[[], Read], deadline: float
) -> Read:
    return read() if chars <= SHORT_CHARS else await reader.read(chars, read, deadline)


def refuse(what: str, verdict: Verdict, interaction: Interaction) -> None:
    """Raises ContentBlocked."""
    note(what, verdict, interaction)
    if verdict.blocked:
        raise SelfHarm if verdict.category == "self_harm" else ContentBlocked


def note(what: str, verdict: Verdict, interaction: Interaction) -> None:
    """In the log, what was found, once."""
    if (label := verdict.label(what)) and label not in interaction.flags:
        interaction.flags.append(label)


def texts_of(
    asked: CompletionRequest, canonical: CompletionRequest
) -> tuple[Sequence[str], Sequence[str]]:
    """All that the model may read: turns as typed and as asked, a schema as it reads, stops. And
    the answers among them: they passed as answers, and do so again."""
    turns = [*asked.turns, *canonical.turns]
    texts = [turn.text for turn in turns if turn.role != "assistant"]
    if asked.sampling.schema is not None:
        texts += _strings(json.loads(asked.sampling.schema))
    answers = [turn.text for turn in turns if turn.role == "assistant"]
    return list(dict.fromkeys([*texts, *asked.sampling.stop])), list(dict.fromkeys(answers))


def _strings(value: object) -> list[str]:
    """The texts and names in a JSON value, as one text: they are read one after the other."""
    found: list[str] = []
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            rest += [part for pair in reversed(item.items()) for part in reversed(pair)]
        elif isinstance(item, list):
            rest += reversed(item)
    return ["\n".join(found)]
