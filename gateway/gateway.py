"""The parts of one gateway, as the routes call them. `app` constructs it."""

from dataclasses import dataclass

from gateway.cache.answers import AnswerCache
from gateway.cache.retries import Retries
from gateway.identity.callers import Callers
from gateway.images.in_flight import BytesInFlight
from gateway.limits.limiter import Limiter
from gateway.log.audit import Audit
from gateway.log.outbox.recorder import Recorder
from gateway.log.reader import LogReader
from gateway.pool.pool import Pool
from gateway.usecases.answer import Answering
from gateway.usecases.batching import Batching
from gateway.usecases.canary.deciding import Canarying
from gateway.usecases.erase import Erasing
from gateway.usecases.moderate import Moderating
from gateway.usecases.upload import Uploading
from gateway.usecases.vote import Voting


@dataclass(frozen=True)
class Gateway:
    callers: Callers
    limits: Limiter
    answering: Answering
    uploading: Uploading
    voting: Voting
    erasing: Erasing
    moderating: Moderating
    batching: Batching
    answers: AnswerCache
    retries: Retries
    in_flight: BytesInFlight
    pool: Pool
    recorder: Recorder
    log: LogReader
    audit: Audit
    canarying: Canarying
