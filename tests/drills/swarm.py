"""`make swarm-drill`: the whole stack on Docker Swarm, on two engines of this machine. Gateways and
replicas are updated one by one, and then the second engine is cut off, while shoppers ask. One line
`RESULT {json}` each. For root, where a Docker engine runs that is in no swarm. Ctrl-C and SIGTERM
end it in order."""

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import closing

from tests.compose.shoppers import Shoppers
from tests.drills.second_engine import SecondEngine, run
from tests.drills.swarm_leftovers import Refused
from tests.drills.swarm_stack import PATIENCE_S, TASKS, UPDATED, Swarm, swarm
from tests.drills.verdict import Verdict
from tests.support import ROOT
from tests.support.servers import wait_until

SHOPPERS, MACHINES = 4, 2
# Swarm takes a node for dead after three beats of five seconds.
NOTICED_S = 15


def judge(
    drill: str, up: Swarm, shoppers: Shoppers, recovery_s: float, wrong: int = 0, **more: float
) -> Verdict:
    with contextlib.suppress(TimeoutError):  # it is told below
        wait_until("rows", lambda: up.rows(shoppers)[0] == 0, 120)
    lost, doubled = up.rows(shoppers)
    failed, asked = shoppers.failed.total(), len(shoppers.ended)
    print(*shoppers.told, sep="\n", file=sys.stderr, flush=True)
    told = {"asked": asked, "failed": failed, "ended": dict(shoppers.failed), **more}
    return Verdict(drill, lost, doubled, wrong, failed / max(1, asked), recovery_s, told)


def update(up: Swarm) -> Verdict:
    """New tasks of all gateways and replicas, each before the old one goes. Wrong is a service that
    is on one machine alone afterwards, and one question that failed."""
    with Shoppers(up.url, SHOPPERS, pause_s=0.5) as shoppers:
        time.sleep(3)
        begun = time.monotonic()
        for service in UPDATED:
            forced = ("service", "update", "--force", "--detach=false", "--quiet")
            run("docker", *forced, f"{up.name}_{service}")
        took_s = time.monotonic() - begun
        time.sleep(3)
    bare = sum(sum(map(bool, up.running(of).values())) < MACHINES for of in UPDATED)
    return judge("swarm_update", up, shoppers, took_s, bare + shoppers.failed.total(), bare=bare)


def cut(up: Swarm, engine: SecondEngine) -> Verdict:
    """Recovered is when as many gateways and replicas as before are healthy, on one machine.
    `failing_s`: until the last question came that was not answered."""
    here = run("hostname")
    with Shoppers(up.url, SHOPPERS, pause_s=0.5) as shoppers:
        time.sleep(3)
        engine.cut()
        begun = time.monotonic()
        time.sleep(NOTICED_S)
        for service in UPDATED:
            wait_until(
                service,
                lambda of=service: up.running(of).get(here, 0) == TASKS[of],  # type: ignore[misc]
                PATIENCE_S,
            )
        took_s = time.monotonic() - begun
        time.sleep(3)
    engine.mend()
    failing_s = max((at - begun for at in shoppers.failed_at), default=0.0)
    return judge("swarm_node_cut", up, shoppers, took_s, failing_s=failing_s)


def drills() -> Iterator[Verdict]:
    """One after the other, on one stack. Raises Refused where it cannot be, or may not."""
    run(str(ROOT / "bin" / "make-secrets"))
    with swarm() as (up, engine):
        begun = time.monotonic()
        up.deploy()
        up.wait_for_all()
        print(f"deployed in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        yield update(up)
        yield cut(up, engine)


def main() -> int:
    exact = []
    try:
        with closing(drills()) as verdicts:  # its end is seen to, whoever ends it
            for verdict in verdicts:
                verdict.print()
                exact.append(verdict.exact)
    except Refused as reason:
        print(f"not started: {reason}", file=sys.stderr)
        return 2
    return 0 if all(exact) else 1


if __name__ == "__main__":
    sys.exit(main())
