from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from inference.waiting_queue import AGING_S, WaitingQueue


@dataclass(eq=False)
class Question:
    priority: str
    arrived: float


def drained(scheduler: WaitingQueue[Question], now: float) -> list[Question]:
    taken = []
    while (item := scheduler.next(now)) is not None:
        taken.append(item)
    return taken


def test_interactive_questions_go_before_batch_ones_and_in_order() -> None:
    scheduler: WaitingQueue[Question] = WaitingQueue(10)
    questions = [Question(p, i) for i, p in enumerate(["batch", "interactive"] * 2)]
    for question in questions:
        assert scheduler.add(question)
    batch1, now1, batch2, now2 = questions
    assert drained(scheduler, 5) == [now1, now2, batch1, batch2]


def test_a_batch_question_that_has_waited_long_takes_its_turn() -> None:
    scheduler: WaitingQueue[Question] = WaitingQueue(10)
    old, new = Question("batch", 0), Question("interactive", 1)
    scheduler.add(old)
    scheduler.add(new)
    assert scheduler.next(AGING_S) is old


def test_batch_is_never_starved_under_a_constant_stream() -> None:
    scheduler: WaitingQueue[Question] = WaitingQueue(100)
    old = Question("batch", 0)
    scheduler.add(old)
    for second in range(200):
        scheduler.add(Question("interactive", second))
        if scheduler.next(second) is old:
            assert second <= AGING_S
            return
    raise AssertionError("starved")


def test_beyond_its_limit_it_refuses_but_takes_back_what_had_begun() -> None:
    scheduler: WaitingQueue[Question] = WaitingQueue(1)
    first, second, begun = (Question("interactive", i) for i in range(3))
    assert scheduler.add(first)
    assert not scheduler.add(second)
    scheduler.put_back(begun)
    assert drained(scheduler, 0) == [begun, first]


def test_who_has_left_is_taken_out() -> None:
    scheduler: WaitingQueue[Question] = WaitingQueue(10)
    stay, leave, batch = (
        Question("interactive", 0),
        Question("interactive", 1),
        Question("batch", 2),
    )
    for question in (stay, leave, batch):
        scheduler.add(question)
    assert scheduler.remove(lambda question: question in (leave, batch)) == [leave, batch]
    assert drained(scheduler, 0) == [stay]


@given(st.lists(st.tuples(st.sampled_from(["interactive", "batch"]), st.floats(0, 100))))
def test_everybody_who_came_in_goes_out_once(questions: list[tuple[str, float]]) -> None:
    scheduler: WaitingQueue[Question] = WaitingQueue(1000)
    added = [Question(*question) for question in questions]
    for question in added:
        scheduler.add(question)
    assert len(scheduler) == len(added)
    assert sorted(map(id, drained(scheduler, 50))) == sorted(map(id, added))
    assert len(scheduler) == 0
