from gateway.log.outbox.pauses import BUSY_POLL_S, BUSY_ROWS, LONGEST_PAUSE_S, POLL_S, pause_s


def test_few_rows_are_taken_to_the_database_at_once() -> None:
    assert pause_s(failures=0, largest_batch=0) == POLL_S
    assert pause_s(failures=0, largest_batch=BUSY_ROWS - 1) == POLL_S


def test_many_rows_go_together() -> None:
    assert pause_s(failures=0, largest_batch=BUSY_ROWS) == BUSY_POLL_S


def test_pauses_double_while_the_database_is_down() -> None:
    for failures in range(1, 2000, 7):
        longest = min(LONGEST_PAUSE_S, 0.1 * 2.0 ** min(failures, 20))
        assert longest / 2 <= pause_s(failures, largest_batch=500) <= longest
