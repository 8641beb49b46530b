"""When a refused event is tried again, and when no more."""

from gateway.log.outbox.retry_schedule import ATTEMPTS, RetrySchedule
from gateway.log.outbox.spool import SpooledEvent

SPOOL, OTHER = object(), object()  # only compared


def event(seq: int) -> SpooledEvent:
    return SpooledEvent(seq, 0.0, "{}")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_fifth_refusal_is_the_last_about_three_seconds_after_the_first() -> None:
    clock = Clock()
    refused = RetrySchedule(clock)
    begun = clock.now
    answers = []
    for _ in range(ATTEMPTS):
        answers.append(refused.record_refusal(SPOOL, event(1)))  # type: ignore[arg-type]
        last = clock.now
        while refused.not_due(SPOOL):  # type: ignore[arg-type]
            clock.now += 0.05
    assert answers == [None, None, None, None, 5]
    assert 2.9 < last - begun < 3.5


def test_one_that_is_done_begins_anew_and_others_are_not_touched() -> None:
    refused = RetrySchedule(Clock())
    refused.record_refusal(SPOOL, event(1))  # type: ignore[arg-type]
    refused.record_refusal(SPOOL, event(2))  # type: ignore[arg-type]
    assert refused.not_due(OTHER) == []  # type: ignore[arg-type]
    refused.discard(SPOOL, [event(1)])  # type: ignore[arg-type]
    assert refused.not_due(SPOOL) == [2]  # type: ignore[arg-type]
