"""The record of one request. Each step fills in what it knows; at the end it becomes a row."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from uuid6 import uuid7

from contract.completion import CompletionRequest
from contract.images import ImageFacts
from contract.products.answers import CardAnswer, MatchAnswer
from contract.render import AnswerPiece, joined
from contract.response import Delta, Finished
from contract.text.language import language_of
from gateway.cache.answers import CachedAnswer
from gateway.cache.control import NO_DIRECTIVES, CacheControl
from gateway.identity.callers import Caller
from gateway.identity.scopes import ASK
from gateway.log.masking import masked
from gateway.log.products import BATCH_LINE, product_columns
from gateway.log.question import logged_question
from gateway.log.schema.columns import MODERATION_LENGTH, ROUTE_LENGTH
from gateway.log.texts.not_visible import cannot_see

# The caller of a request that was refused before its key was checked.
UNKNOWN = Caller("unknown")


@dataclass
class Interaction:
    request_id: str
    kind: str = "ask"
    route: str = "/v1/chat/completions"
    parent: UUID | None = None
    """The interaction that this one follows up."""
    id: UUID = field(default_factory=lambda: UUID(int=uuid7().int))
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    uploaded_at: datetime | None = None
    """Of a line of a batch: when its file was. An erasure since then is one of this line, too."""
    started: float = field(default_factory=time.monotonic)
    caller: Caller = UNKNOWN
    control: CacheControl = NO_DIRECTIVES
    asked: CompletionRequest | None = None
    task: str = ASK
    """The scope of what was asked for: a question, a card, a match."""
    image: ImageFacts | None = None
    cache: str | None = None
    """`hit`, `stale`, `joined` or `miss`; None until the answer's source is known."""
    age_s: int | None = None
    """The age of an answer from the cache."""
    revision: str | None = None
    client: str | None = None
    """A short class of the user agent, see `log.client`."""
    source: str | None = None
    """How the page says that a question came: one of `client.SOURCES`."""
    prompt_version: str | None = None
    flags: list[str] = field(default_factory=list)
    """What moderation found, as `question:<category>`, `image:<category>`, `answer:<category>`;
    with `:review` or `:flag` behind it where it was let pass."""
    answer_key: str | None = None
    product: CardAnswer | MatchAnswer | None = None
    """What the answer was read as, where it is data."""
    vote: dict[str, str | None] | None = None
    """`vote` and `reason` of a feedback request, see `log.votes`."""
    outcome: str = "failed"
    error_code: str | None = None
    end: Finished | None = None
    steps_ms: dict[str, float] = field(default_factory=dict)
    steps_began: dict[str, float] = field(default_factory=dict)
    """In time.perf_counter seconds, for a trace."""
    first_text_ms: float | None = None
    _answer: list[Delta] = field(default_factory=list)
    _step_ended: float = 0.0

    def step(self, name: str) -> "Step":
        """Measure the time of one step, whether it fails or not."""
        return Step(self, name)

    def cache_hit(self, cached: CachedAnswer) -> None:
        self.cache = "stale" if cached.stale else "hit"
        self.age_s = cached.age_s

    def first_piece(self, outcome: str) -> None:
        """Note that a computation's first piece is here, and how long that took. `outcome`: this
        request led it (miss) or followed it (joined), or its answer was just stored (hit)."""
        self.cache = outcome
        waited = time.perf_counter() - self._step_ended
        name = "upstream" if outcome == "miss" else "join"
        self.steps_began[name], self.steps_ms[name] = self._step_ended, waited * 1000

    def begin(self, asked: CompletionRequest, task: str, prompt: str) -> CompletionRequest:
        """It is known what was asked. `prompt`: the version of our instruction."""
        self.asked, self.task, self.prompt_version = asked, task, prompt
        return asked

    def add_piece(self, piece: AnswerPiece) -> None:
        """Note a piece of the answer that is being sent."""
        if self.first_text_ms is None:
            self.first_text_ms = self.elapsed_ms
        if isinstance(piece, Delta):
            self._answer.append(piece)
        else:
            self.end = piece

    @property
    def answer(self) -> Delta:
        """As far as it was sent."""
        return joined(self._answer)

    @property
    def elapsed_ms(self) -> float:
        return (time.monotonic() - self.started) * 1000

    @property
    def sticky_id(self) -> str:
        """What keeps a person at one revision during a canary: the user of the question, where it
        names one, whatever key or browser it comes with."""
        return self.caller.sticky_id(self.asked.user if self.asked else None)

    @property
    def language(self) -> str | None:
        asked = self.asked
        return None if asked is None else asked.language or language_of(asked.question)

    @property
    def server_timing(self) -> str:
        """The steps so far as a `server-timing` header: https://www.w3.org/TR/server-timing/."""
        return ", ".join(f"{name};dur={ms:.2f}" for name, ms in self.steps_ms.items())

    def row(self, pseudonym: str | None) -> dict[str, Any]:
        """A row of `interactions`, and the vote. Called once, when the request has ended:
        `total_ms` is the time until now."""
        image, end = self.image, self.end
        asked = self.asked
        question = logged_question(asked.question, self.task) if asked else None
        # Of answers from the cache alone: none of them names a person, so nothing is kept of one.
        mask = _masked_again if self.cache in ("hit", "stale") else masked
        answer = mask("".join([piece.text for piece in self._answer])) or None
        return {
            "interaction_id": self.id,
            "parent_interaction_id": self.parent,
            "asked_at": self.asked_at,
            "kind": self.kind,
            "route": self.route[:ROUTE_LENGTH],
            "client": self.client,
            "tenant": self.caller.tenant,
            "user_pseudonym": pseudonym,
            "session_id": self.caller.session,
            "request_id": self.request_id,
            "image_digest": image.digest if image else None,
            "image_format": image.format if image else None,
            "image_width": image.width if image else None,
            "image_height": image.height if image else None,
            "image_bytes": image.size_bytes if image else None,
            "question": question.text if question else None,
            "question_hash": question.hash if question else None,
            "intent": question.intent if question else None,
            "language": self.language,
            "answer": answer,
            "outcome": self.outcome,
            "error_code": self.error_code,
            "finish_reason": end.reason if end else None,
            "moderation": self._moderation,
            "cache": self.cache,
            "model_revision": self.revision,
            "replica": end.replica if end else None,
            "prompt_tokens": end.usage.prompt_tokens if end else None,
            "completion_tokens": end.usage.completion_tokens if end else None,
            "identify_ms": self._ms("identify"),
            "screen_ms": self._ms("screen"),
            "look_up_ms": self._ms("look-up"),
            "join_ms": self._ms("join"),
            "upstream_ms": self._ms("upstream"),
            "first_text_ms": _rounded(self.first_text_ms),
            "total_ms": _rounded(self.elapsed_ms),
            "answer_key": self.answer_key,
            **product_columns(self.product),
            "source": self._source,
            "turns": asked.user_turns if asked else None,
            "photos": asked.photo_count if asked else None,
            "prompt_version": self.prompt_version,
            "cannot_see": cannot_see(answer, self.product),
            "vote": self.vote,
            "uploaded_at": self.uploaded_at,
        }

    @property
    def _source(self) -> str | None:
        """None of what asks nothing."""
        if self.asked is None:
            return None
        return "batch" if self.kind == BATCH_LINE else self.source or "api"

    @property
    def _moderation(self) -> str | None:
        flags = self.flags.copy()
        if self.end and self.end.moderation:
            flags.append(f"answer:{self.end.moderation}")
        elif self.end and self.end.reason == "content_filter":
            flags.append("answer")
        return ",".join(flags)[:MODERATION_LENGTH] or None

    def _ms(self, name: str) -> float | None:
        return _rounded(self.steps_ms.get(name))


class Step:
    """As a class: a generator by `contextlib` takes longer, five times a request."""

    __slots__ = ("_interaction", "_name")

    def __init__(self, interaction: Interaction, name: str) -> None:
        self._interaction = interaction
        self._name = name

    def __enter__(self) -> None:
        self._interaction.steps_began[self._name] = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        ended = self._interaction._step_ended = time.perf_counter()
        began = self._interaction.steps_began[self._name]
        self._interaction.steps_ms[self._name] = (ended - began) * 1000


@lru_cache(maxsize=1024)  # a cached answer is given out again: 25 us for 150 characters; 1 MB
def _masked_again(answer: str) -> str:
    return masked(answer)


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)
