"""The tests' own fork server: whoever asks for the end of a process is told of it."""

import os
from concurrent.futures import ThreadPoolExecutor

from tests.support import fork_server


def test_all_who_wait_for_a_process_are_told_its_exit_code() -> None:
    for _ in range(10):
        process = fork_server.start("json.tool", "--help", env=dict(os.environ), stdout=1, stderr=2)
        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(process.wait, [10] * 8)) == {0}
