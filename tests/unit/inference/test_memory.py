"""inference/model/memory.py: what fits, and what is said of what does not."""

from dataclasses import replace

import pytest

from inference.model.memory import MemoryNeeds, Shape
from inference.model.unfit import UnfitError

LONGEST = 262_144
SHAPE_8B = Shape(
    layers=36,
    heads=32,
    kv_heads=8,
    head_dim=128,
    hidden=4096,
    intermediate=12288,
    vocabulary=151_936,
    tower_hidden=1152,
    tower_intermediate=4304,
    patch_values=3 * 2 * 16 * 16,
    deepstack=3,
    itemsize=2,
)
BF16_20_GB = MemoryNeeds(
    SHAPE_8B,
    weights=17_534_247_392,
    caches=(64 + 256) * 1024 * 1024,
    prefill_tokens=512,
    photo_tokens=512,  # 256, looked at twice as closely
    budget=20_000_000_000,
)
INT4_20_GB = replace(BF16_20_GB, weights=7_549_706_720)


def test_a_token_of_8b_takes_what_is_published() -> None:
    assert SHAPE_8B.kv_bytes_per_token == 147_456


def test_slots_and_context_are_derived_from_the_budget() -> None:
    """On paper: these numbers are in docs/operations.md."""
    bf16 = BF16_20_GB.plan(None, None, LONGEST)
    assert (bf16.slots, bf16.context) == (6, 1024)
    int4 = INT4_20_GB.plan(None, None, LONGEST)
    assert (int4.slots, int4.context) == (18, 4096)
    for plan in (bf16, int4):
        assert plan.total <= 20e9 < replace(plan, slots=plan.slots + 1).total


def test_all_that_a_process_takes_is_counted() -> None:
    plan = BF16_20_GB.plan(4, 1024, LONGEST)
    assert plan.kv_cache == 4 * (1024 + 1) * 147_456
    rest = plan.total - plan.kv_cache - BF16_20_GB.weights - BF16_20_GB.caches
    assert rest == plan.passes + 900_000_000  # CUDA itself, and 2 % for gaps
    larger_photos = replace(plan, needs=replace(BF16_20_GB, photo_tokens=1024))
    assert larger_photos.passes > plan.passes > 0
    # Small photos are looked at together, as many as a step has tokens.
    assert replace(plan, needs=replace(BF16_20_GB, photo_tokens=16)).passes == plan.passes


def test_what_is_set_is_kept_and_the_other_one_derived() -> None:
    assert BF16_20_GB.plan(4, None, LONGEST).context == 1536
    assert BF16_20_GB.plan(None, 2048, LONGEST).slots == 3
    explicit = INT4_20_GB.plan(3, 700, LONGEST)
    assert (explicit.slots, explicit.context) == (3, 700)


def test_few_slots_are_better_than_none() -> None:
    tight = replace(BF16_20_GB, budget=19_400_000_000)
    plan = tight.plan(None, None, LONGEST)
    assert (plan.context, plan.slots) == (1024, 2)


@pytest.mark.parametrize(
    ("needs", "slots", "context"),
    [
        (BF16_20_GB, 8, 4096),  # what was the default: 22.9 GB
        (BF16_20_GB, None, 16384),
        (replace(BF16_20_GB, budget=16_000_000_000), None, None),  # not even the weights
    ],
)
def test_what_does_not_fit_is_refused_with_the_arithmetic(
    needs: MemoryNeeds, slots: int | None, context: int | None
) -> None:
    with pytest.raises(UnfitError) as refused:
        needs.plan(slots, context, LONGEST)
    said = str(refused.value)
    assert "17.53 GB of weights" in said
    assert f"GPU_MEMORY_BYTES allows {(needs.budget or 0) / 1e9:.2f} GB" in said
    assert "QUANTISATION=int4" in said
    parts = [float(part.split()[-1]) for part in said.partition("=")[0].split(" GB")[:-1]]
    total = float(said.partition("= ")[2].split()[0])
    assert len(parts) == 5
    assert sum(parts) == pytest.approx(total, abs=0.03)
    assert total > (needs.budget or 0) / 1e9


def test_no_context_is_longer_than_the_model_s_positions() -> None:
    assert INT4_20_GB.plan(None, None, 2048).context == 2048
    assert replace(INT4_20_GB, budget=None).plan(None, None, 2048).context == 2048


def test_without_a_budget_as_on_a_cpu_there_are_eight_slots_of_4096() -> None:
    plan = replace(BF16_20_GB, budget=None).plan(None, None, LONGEST)
    assert (plan.slots, plan.context) == (8, 4096)
