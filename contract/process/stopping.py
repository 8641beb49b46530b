"""How long a process has to end once it was told to, as whoever stops its container waits."""

import os
import threading

# Beyond DEADLINE_MS, in which answers in flight end: STOP_GRACE of compose and
# terminationGracePeriodSeconds of Kubernetes are so much longer. Then it is SIGKILL.
GRACE_S = 10
# Of these for what nobody times: the server's own looks at what is in flight, and helpers that end.
MARGIN_S = 2
# Of these for the threads that are left in the end.
THREADS_S = 1
# Of these for what works on batches to give its lines back, before anything else is closed.
LINES_S = 1
# For all that is waited for after that, at once and not one after the other.
STOP_S = GRACE_S - MARGIN_S - THREADS_S - LINES_S


def end_without_threads() -> None:
    """To be called when all is closed: a thread that hangs on a database for a minute does not hold
    up the end."""
    end = threading.Timer(THREADS_S, os._exit, [0])
    end.daemon = True
    end.start()
