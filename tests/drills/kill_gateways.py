"""kill -9 one of two gateways under load, again and again: each comes back, its spool is adopted,
no acknowledged interaction is missing. Without a spool (the control) the same check must fail."""

import time

from tests.drills.fleet import fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge
from tests.support.servers import wait_until

CONTROL = "tests.drills.without_spool"
# Of work between two kills, after all are up again.
BETWEEN_S = 0.7


def drill(kills: int = 20, per_s: float = 100, module: str = "gateway") -> Verdict:
    name = "kill_gateways" if module == "gateway" else "kill_gateways_without_spool"
    with fleet(2, module) as up:
        up.stub.behave(delay_s=0.02)
        moments: list[tuple[int, float, float]] = []
        slowest = 0.0
        with Load(up.gateways, per_s) as load:
            for n in range(kills):
                time.sleep(BETWEEN_S + 0.013 * n)  # at another phase of the forwarder each time
                victim = up.gateways[n % 2]
                begun = time.monotonic()
                victim.kill()
                killed = time.monotonic()
                moments.append((n % 2, begun, killed))
                victim.start()
                wait_until("it is back", lambda: victim.is_ready)  # noqa: B023 - called at once
                slowest = max(slowest, time.monotonic() - killed)
            time.sleep(BETWEEN_S)
        up.drained_after()
        in_flight = sum(load.ledger.in_flight(*moment) for moment in moments)
        verdict, _ = judge(
            name,
            up,
            load.ledger,
            slowest,
            kills=kills,
            errors=load.ledger.errors,
            in_flight_at_kills=in_flight,
        )
        return verdict
