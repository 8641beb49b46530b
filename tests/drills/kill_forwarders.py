"""kill -9 the process that forwards a gateway's events, under load, again and again: another one is
started, and no acknowledged interaction is missing or doubled. No request notices."""

import os
import signal
import time

from tests.drills.fleet import fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge
from tests.support.forwarding import forwarder_of
from tests.support.servers import wait_until

# Of work between two kills. A gateway waits for longer before each start of a forwarder that dies
# again and again, up to 30 s.
BETWEEN_S = 0.7


def drill(kills: int = 8, per_s: float = 100) -> Verdict:
    with fleet(2) as up:
        up.stub.behave(delay_s=0.02)
        slowest = 0.0
        with Load(up.gateways, per_s) as load:
            for n in range(kills):
                time.sleep(BETWEEN_S + 0.013 * n)  # at another phase of the forwarder each time
                gateway = up.gateways[n % 2].process
                assert gateway is not None
                victim = forwarder_of(gateway.pid)
                assert victim is not None
                os.kill(victim, signal.SIGKILL)
                killed = time.monotonic()
                wait_until(
                    "there is another one",
                    lambda: forwarder_of(gateway.pid) not in (None, victim),  # noqa: B023
                )
                slowest = max(slowest, time.monotonic() - killed)
            time.sleep(BETWEEN_S)
        up.drained_after()
        wait_until(
            "told", lambda: not any(g.metric("gateway_log_spool_events") for g in up.gateways)
        )
        restarts = sum(g.metric("gateway_log_forwarder_restarts_total") for g in up.gateways)
        verdict, _ = judge(
            "kill_forwarders",
            up,
            load.ledger,
            slowest,
            kills=kills,
            restarts=int(restarts),
            errors=load.ledger.errors,
        )
        return verdict
