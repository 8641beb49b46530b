"""How long a line may wait, beside what it waits for."""

from gateway.batch.settings import BatchSettings
from inference.batching.lane import STARVED_S
from inference.config import Settings as InferenceSettings


def test_a_worker_s_lines_outwait_shoppers_who_take_all_slots() -> None:
    """A replica's lane then gets one slot each STARVED_S, for one answer. Where another replica is
    left a line leaves after half of its time. Some slots go to lines of other workers."""
    settings = BatchSettings()
    at_one_replica_s = settings.batch_line_deadline_ms / 1000 / 2
    assert at_one_replica_s >= 4 * STARVED_S * settings.batch_concurrency
    replica = InferenceSettings.model_fields["batch_deadline_ms"].default
    assert settings.batch_line_deadline_ms == replica
