"""The simulation of docs/capacity.md keeps to what can be computed without it, and the document has
its figures."""

from dataclasses import replace

import pytest

from loadtest.capacity.__main__ import CORES, MACHINE_HOUR, report
from loadtest.capacity.replica import Questions, most_per_s, simulate
from loadtest.capacity.site import Mix, Part, full, parts, per_1000
from loadtest.capacity.steps import BANDWIDTH, BF16, COMPUTE, INT4, KV_BYTES, PARAMETERS, Steps
from tests.support import ROOT

# Nothing but the read of the weights, a tenth of a second each step.
PLAIN = Steps("plain", 0.1 * BANDWIDTH, slots=2, overhead_s=0.0, prefill_tokens=10_000)
DOCUMENT = ROOT / "docs" / "capacity.md"


@pytest.mark.parametrize(("steps", "whole_s"), [(BF16, 1.35), (INT4, 0.65)])
def test_forty_tokens_about_a_new_photo_take_what_the_operations_guide_says(
    steps: Steps, whole_s: float
) -> None:
    prompt = 256 + 84 + 20
    spent = steps.seconds(0, prompt, prompt)
    spent += sum(steps.seconds(1, 0, prompt + number) for number in range(39))
    assert spent == pytest.approx(whole_s, rel=0.03)


def test_a_step_takes_the_longer_of_reading_and_computing() -> None:
    few, many = BF16.seconds(1, 0, 400), BF16.seconds(0, 512, 512)
    read = (BF16.weight_bytes + 400 * KV_BYTES) / BANDWIDTH
    assert few == pytest.approx(read + BF16.overhead_s)
    assert many == pytest.approx(512 * 2 * PARAMETERS / COMPUTE + BF16.overhead_s)


def test_alone_an_answer_takes_one_step_a_token() -> None:
    run = simulate(PLAIN, 0.001, questions=50, shape=Questions(second=0.0))
    assert run.longest_queue <= 1
    assert min(run.first_token_s) == pytest.approx(0.1, rel=0.01)
    tokens = [seconds / 0.1 for seconds in run.answer_s]
    assert all(each == pytest.approx(round(each), rel=0.02) for each in tokens)
    assert sum(tokens) / len(tokens) == pytest.approx(40, rel=0.3)


def test_a_prompt_longer_than_a_step_may_read_is_read_in_several() -> None:
    slow = replace(PLAIN, prefill_tokens=100)
    run = simulate(slow, 0.001, questions=20, shape=Questions(second=0.0))
    assert min(run.first_token_s) == pytest.approx(0.4, rel=0.01)  # 360 tokens


def test_no_more_answers_than_slots_are_under_way() -> None:
    """At more than it can do, a replica of two slots ends two tokens a step and no more."""
    run = simulate(PLAIN, 1000, questions=400, shape=Questions(second=0.0))
    tokens = 400 * 39
    assert max(run.answer_s) > 0.8 * tokens * 0.1 / PLAIN.slots
    assert max(run.answer_s) < 1.3 * tokens * 0.1 / PLAIN.slots
    assert run.busy == pytest.approx(1, abs=0.01)


def test_every_question_is_answered_and_a_seed_gives_the_same_run() -> None:
    first, again, other = (simulate(INT4, 5, questions=300, seed=seed) for seed in (7, 7, 8))
    assert len(first.answer_s) == 300
    assert first == again
    assert first != other


def test_questions_about_a_known_photo_make_room_for_more() -> None:
    most = [most_per_s(INT4, 0.6, shape=Questions(second=share)) for share in (0.0, 0.9)]
    assert most[1] > 1.2 * most[0]


def test_at_the_bound_first_tokens_are_in_time_and_beyond_it_they_are_not() -> None:
    most = most_per_s(INT4, 0.6)
    for rate, in_time in ((most, True), (1.3 * most, False)):
        run = simulate(INT4, rate)
        assert (run.percentile(run.first_token_s, 0.95) <= 0.6) is in_time


def part(name: str, capacity: float, of_any: float, of_miss: float, *, on_each: bool) -> Part:
    return Part(name, "units", capacity, on_each, of_any, of_miss, 0, "assumed", "here")


def test_the_part_that_is_full_first_is_named_and_the_next() -> None:
    there = [part("cards", 10, 0, 1, on_each=True), part("log", 100, 1, 0, on_each=False)]
    found = full(there, Mix(hits=0.5), machines=2)
    assert (found.first, found.per_s, found.next) == ("cards", 40, "log")
    assert found.next_used == pytest.approx(0.4)
    found = full(there, Mix(hits=0.5), machines=20)
    assert (found.first, found.per_s) == ("log", 100)


def test_a_thousand_questions_cost_the_machines_that_their_misses_need() -> None:
    there = [part("cards", 10, 0, 1, on_each=True), part("log", 1, 1, 0, on_each=False)]
    # 250 misses of 0.1 s, at 3.60 an hour, on machines that are half full.
    assert per_1000(there, Mix(hits=0.75), 3.6, 0.5) == pytest.approx(25 * 0.001 / 0.5)


def test_new_photos_are_misses() -> None:
    mix = Mix(hits=0.9, second=0.3)
    assert mix.new_photos == pytest.approx(0.07)
    cores = next(each for each in parts(8, CORES) if each.name == "cores")
    used = cores.of_any + 0.1 * cores.of_miss + 0.07 * cores.of_new_photo
    assert cores.used(mix) == pytest.approx(used)


def test_the_document_has_what_make_capacity_prints() -> None:
    lines, _ = report("int4", 1, MACHINE_HOUR, CORES)
    written = DOCUMENT.read_text().splitlines()
    assert [line for line in lines if line and line not in written] == []
