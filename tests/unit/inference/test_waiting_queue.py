from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from inference.batching.waiting_queue import AGING_S, WaitingQueue


@dataclass(eq=False)
class Question:
    priority: str
    arrived_at: float


def drained(queue: WaitingQueue[Question], now: float) -> list[Question]:
    taken = []
    while (item := queue.pop_next(now)) is not None:
        taken.append(item)
    return taken


def test_interactive_questions_go_before_batch_ones_and_in_order() -> None:
    queue: WaitingQueue[Question] = WaitingQueue(10)
    questions = [Question(p, i) for i, p in enumerate(["batch", "interactive"] * 2)]
    for question in questions:
        assert queue.add(question)
    batch1, now1, batch2, now2 = questions
    assert drained(queue, 5) == [now1, now2, batch1, batch2]


def test_a_batch_question_that_has_waited_long_takes_its_turn() -> None:
    queue: WaitingQueue[Question] = WaitingQueue(10)
    old, new = Question("batch", 0), Question("interactive", 1)
    queue.add(old)
    queue.add(new)
    assert queue.pop_next(AGING_S) is old


def test_batch_is_never_starved_under_a_constant_stream() -> None:
    queue: WaitingQueue[Question] = WaitingQueue(100)
    old = Question("batch", 0)
    queue.add(old)
    for second in range(200):
        queue.add(Question("interactive", second))
        if queue.pop_next(second) is old:
            assert second <= AGING_S
            return
    raise AssertionError("starved")


def test_a_full_queue_refuses_but_takes_back_what_was_in_flight() -> None:
    queue: WaitingQueue[Question] = WaitingQueue(1)
    first, second, was_in_flight = (Question("interactive", i) for i in range(3))
    assert queue.add(first)
    assert not queue.add(second)
    queue.put_back(was_in_flight)
    assert drained(queue, 0) == [was_in_flight, first]


def test_what_fulfils_a_condition_is_removed() -> None:
    queue: WaitingQueue[Question] = WaitingQueue(10)
    stays, leaves, batch = (
        Question("interactive", 0),
        Question("interactive", 1),
        Question("batch", 2),
    )
    for question in (stays, leaves, batch):
        queue.add(question)
    assert queue.remove(lambda question: question in (leaves, batch)) == [leaves, batch]
    assert drained(queue, 0) == [stays]


@given(st.lists(st.tuples(st.sampled_from(["interactive", "batch"]), st.floats(0, 100))))
def test_everybody_who_came_in_goes_out_once(questions: list[tuple[str, float]]) -> None:
    queue: WaitingQueue[Question] = WaitingQueue(1000)
    added = [Question(*question) for question in questions]
    for question in added:
        queue.add(question)
    assert len(queue) == len(added)
    assert sorted(map(id, drained(queue, 50))) == sorted(map(id, added))
    assert len(queue) == 0


def test_the_longest_wait_is_that_of_whoever_is_next() -> None:
    queue: WaitingQueue[Question] = WaitingQueue(10)
    assert queue.longest_wait_s(5) == 0
    queue.add(Question("interactive", 3))
    queue.add(Question("interactive", 4))
    assert queue.longest_wait_s(5) == 2
    queue.add(Question("batch", 1))
    assert queue.longest_wait_s(5) == 4
