"""How long the forwarder waits before it reads the spools again."""

import random

# Rows of a gateway with little to do reach the database so much later.
POLL_S = 0.1
# A busy gateway's spool is read less often. To SQLite a row takes 200 us of CPU in batches of 35,
# and 140 in batches of 200: reading tombstones, commits and checkpoints are each batch's.
BUSY_ROWS, BUSY_POLL_S = 20, 0.5
# While the database is down, doubling from the first to the longest. Half of each is random.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0


def pause_s(failures: int, largest_batch: int) -> float:
    """`failures`: rounds in a row in which the database took nothing. `largest_batch`: rows of one
    spool in the last round."""
    if failures:
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10))
        return random.uniform(longest / 2, longest)  # noqa: S311
    return BUSY_POLL_S if largest_batch >= BUSY_ROWS else POLL_S
