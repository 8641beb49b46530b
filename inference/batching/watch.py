"""Watches the engine from outside of its thread. A process whose device is lost must end, since
only a new one gets the device back: compose starts it."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable

from inference.batching.engine import Engine

log = logging.getLogger(__name__)

# How often is looked: so much later at most the replica is known to have failed.
PERIOD_S = 0.25
# For the last answers to go out, and for a gateway's probe to see that the replica is not ready.
LAST_WORDS_S = 1.0
# EX_SOFTWARE of sysexits.h: an end that supervisors take for a failure.
EXIT_STATUS = 70

End = Callable[[], None]


def end_process() -> None:
    """End this process in LAST_WORDS_S. Nothing is cleaned up, because whatever touches a lost
    device may hang. Helper processes leave by themselves when this one has ended."""
    threading.Timer(LAST_WORDS_S, os._exit, [EXIT_STATUS]).start()


async def watch(engine: Engine, max_step_s: float, end: End) -> None:
    """Returns when the engine has failed, or has hung in one step for `max_step_s`. By then every
    question is ended, and `end` was called."""
    while not engine.has_failed:
        if engine.in_step_for_s(time.monotonic()) > max_step_s:
            log.error("the engine hangs", extra={"fields": {"max_step_s": max_step_s}})
            engine.abandon()
            break
        await asyncio.sleep(PERIOD_S)
    log.error("this replica ends, because its engine has failed: start it again")
    end()
