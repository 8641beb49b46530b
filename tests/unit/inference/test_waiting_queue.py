from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from inference.batching.waiting_queue import MAX_OVERTAKES, PhotoQueue, WaitingQueue


@dataclass(eq=False)
class Question:
    arrived_at: float
    photo_key: str = ""


def drained(queue: WaitingQueue[Question]) -> list[Question]:
    taken = []
    while (item := queue.pop()) is not None:
        taken.append(item)
    return taken


def filled(queue: WaitingQueue[Question], photo_keys: Sequence[str]) -> list[Question]:
    questions = [Question(at, photo_key) for at, photo_key in enumerate(photo_keys)]
    for question in questions:
        assert queue.add(question)
    return questions


def test_first_come_first_served() -> None:
    queue: WaitingQueue[Question] = WaitingQueue(10)
    assert drained(queue) == []
    questions = filled(queue, ["a", "b", "a", "b"])
    assert queue.peek() is questions[0]
    assert drained(queue) == questions


def test_a_full_queue_refuses_but_takes_back_what_was_in_flight() -> None:
    for queue in (WaitingQueue[Question](1), PhotoQueue[Question](1)):
        first, second, older, newer = (Question(at) for at in range(4))
        assert queue.add(first)
        assert not queue.add(second)
        queue.put_back(newer)  # the newest is preempted first, and comes back last
        queue.put_back(older)
        assert len(queue) == 3
        assert queue.peek() is older
        assert drained(queue) == [older, newer, first]


def test_what_fulfils_a_condition_is_removed() -> None:
    queue: WaitingQueue[Question] = WaitingQueue(10)
    stays, leaves = filled(queue, ["", ""])
    begun = Question(2)
    queue.put_back(begun)
    assert queue.remove(lambda question: question in (leaves, begun)) == [begun, leaves]
    assert drained(queue) == [stays]


def test_the_longest_wait_is_that_of_the_oldest() -> None:
    queue: WaitingQueue[Question] = WaitingQueue(10)
    assert queue.longest_wait_s(5) == 0
    queue.add(Question(3))
    queue.add(Question(4))
    assert queue.longest_wait_s(5) == 2
    queue.put_back(Question(1))
    assert queue.longest_wait_s(5) == 4


def test_questions_about_the_photo_at_hand_go_first() -> None:
    queue: PhotoQueue[Question] = PhotoQueue(10)
    a1, b1, a2, c1, b2, a3 = filled(queue, ["a", "b", "a", "c", "b", "a"])
    assert [queue.pop(), queue.pop()] == [a1, a2]
    late = Question(9, "a")
    queue.add(late)
    assert queue.peek() is a3
    assert drained(queue) == [a3, late, b1, b2, c1]


def test_questions_without_a_photo_are_alike_in_nothing() -> None:
    queue: PhotoQueue[Question] = PhotoQueue(10)
    questions = filled(queue, ["", "a", "", "a"])
    assert drained(queue) == [questions[0], questions[1], questions[3], questions[2]]


def test_what_was_in_flight_goes_before_the_photo_at_hand() -> None:
    queue: PhotoQueue[Question] = PhotoQueue(10)
    a1, a2, b1 = filled(queue, ["a", "a", "b"])
    assert queue.pop() is a1
    begun = Question(0, "b")
    queue.put_back(begun)
    assert drained(queue) == [begun, b1, a2]


def test_the_oldest_goes_after_so_many_that_overtake_it() -> None:
    queue: PhotoQueue[Question] = PhotoQueue(100)
    filled(queue, ["a"])
    queue.pop()
    (oldest,) = filled(queue, ["b"])
    for overtaking in range(100):
        filled(queue, ["a"])
        if queue.pop() is oldest:
            assert overtaking == MAX_OVERTAKES
            return
    raise AssertionError("starved")


actions = st.lists(
    st.one_of(st.sampled_from("abc"), st.sampled_from(["", "pop", "back"])), max_size=200
)


@given(actions)
def test_nobody_is_lost_doubled_or_overtaken_without_bound(steps: list[str]) -> None:
    queue: PhotoQueue[Question] = PhotoQueue(20)
    taken: list[Question] = []
    overtaken: Counter[Question] = Counter()
    ahead: dict[Question, int] = {}
    waiting: list[Question] = []
    in_flight: list[Question] = []

    def pop() -> None:
        expected = queue.peek()
        item = queue.pop()
        assert item is expected
        assert (item is None) == (not waiting)
        if item is None:
            return
        if item in ahead:  # not one that was put back
            overtaken.update(other for other in waiting if other.arrived_at < item.arrived_at)
        waiting.remove(item)
        in_flight.append(item)
        taken.append(item)

    for at, step in enumerate(steps):
        if step == "pop":
            pop()
        elif step == "back" and in_flight:
            item = in_flight.pop()
            taken.remove(item)
            ahead.pop(item, None)
            waiting.append(item)
            queue.put_back(item)
        elif step != "back":
            question = Question(at, step)
            assert queue.add(question) == (len(waiting) < 20)
            if len(waiting) < 20:
                ahead[question] = len(waiting)
                waiting.append(question)
        assert len(queue) == len(waiting)
    while waiting:
        pop()
    assert len(set(map(id, taken))) == len(taken)
    for question, number in ahead.items():
        # Each of those before it may be overtaken anew, once it is the oldest.
        assert overtaken[question] <= (number + 1) * MAX_OVERTAKES
